"""`manage.py emergency_sign_in NAME`: a link that signs this person in, when nothing else does."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import BaseCommand, CommandError, CommandParser

from config.sign_in.emergency import link_for


class Command(BaseCommand):
    help = (
        "Print a link that signs a person in once, within ten minutes, also while local sign-in "
        "is off."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="user name, such as admin")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        person = User.objects.filter(username=name).first()
        if person is None:
            raise CommandError(
                f"There is no user {name}. `manage.py createsuperuser` makes a superuser."
            )
        if not person.is_active:
            raise CommandError(f"{name} is disabled: an administrator has to enable them first.")
        self.stdout.write(f"{settings.ANNUNCIATOR_SITE_URL}{link_for(person)}")
        self.stdout.write("It works once, within ten minutes. The audit log says that it was made.")
