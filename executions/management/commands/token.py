"""`manage.py token USERNAME`: a new API token, alone on the last line."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from executions.access import api_tokens


class Command(BaseCommand):
    help = "Make an API token for a person and print it once, alone on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--label", default="", help="What it is for, shown in the admin.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user named {options['username']}.")
        if not user.is_active:
            raise CommandError(f"{user} may not sign in, so a token would be of no use.")
        with transaction.atomic():
            token = api_tokens.issue(user, label=options["label"])
        self.stderr.write(f"A token for {user}. It is not shown again; revoke it in the admin.")
        self.stdout.write(token)
