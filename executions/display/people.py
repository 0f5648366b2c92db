"""How pages name a person."""

from __future__ import annotations

from django.contrib.auth.models import User

DELETED_USER = "a deleted user"


def user_name(user: User | None) -> str:
    """Of who did something; rows outlive the users that they name."""
    return user.get_username() if user else DELETED_USER
