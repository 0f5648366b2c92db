"""`manage.py listen`: the process that listens to providers' push channels."""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandParser

from executions.polling.push_listener import listen_forever


class Command(BaseCommand):
    help = "Listen to the push channels of providers that have one, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--sign-of-life", type=Path, help="a file to touch every few seconds, for health checks"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        listen_forever(options["sign_of_life"])
