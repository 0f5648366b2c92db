"""`manage.py listen`: the process that listens to providers' push channels."""

from typing import Any

from django.core.management import BaseCommand

from executions.listening import listen_forever


class Command(BaseCommand):
    help = "Listen to the push channels of providers that have one, until stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        listen_forever()
