"""What must be there before the processes start: tables, static files, a first user."""

from __future__ import annotations

import secrets

from django.contrib.auth.models import User
from django.core.management import call_command

from config import env


def prepare() -> str:
    """Migrate, collect static files, make the first user. Returns a sentence about signing in; a
    password that was made here is in it, this once."""
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    return first_user()


def first_user() -> str:
    if User.objects.exists():
        return "admin, or any user you made"
    chosen = env.text("ANNUNCIATOR_ADMIN_PASSWORD")
    password = chosen or secrets.token_urlsafe(12)
    User.objects.create_superuser("admin", password=password)
    if chosen:
        return "admin, with ANNUNCIATOR_ADMIN_PASSWORD"
    return f"admin / {password}   (shown this once)"
