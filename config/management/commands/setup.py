"""`manage.py setup`: tables, static files and a first user, for installations that start their
processes by other means than `manage.py run`."""

from typing import Any

from django.core.management import BaseCommand

from config.site_setup import prepare


class Command(BaseCommand):
    help = "Migrate, collect static files and make the first user. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Sign in as: {prepare(self.stdout.write)}")
