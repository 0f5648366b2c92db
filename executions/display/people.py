"""How pages name a person, and the two letters that stand for a name."""

from __future__ import annotations

import re

from django.contrib.auth.models import User

DELETED_USER = "a deleted user"


def user_name(user: User | None) -> str:
    """Of who did something; rows outlive the users that they name."""
    return user.get_username() if user else DELETED_USER


def monogram(name: str) -> str:
    """Two letters for a person or a provider: `tom.byrne` TB, `Smart Flows` SF, `flow8` f8."""
    words = [word for word in re.split(r"[\W_]+", name) if word]
    if not words:
        return "?"
    if len(words) > 1:
        return (words[0][0] + words[1][0]).upper()
    word = words[0]
    return word[0] + word[-1] if word[-1].isdecimal() else word[:2]
