"""How pages name a person, and the two letters that stand for a name."""

from __future__ import annotations

import re

from django.contrib.auth.models import User

DELETED_USER = "a deleted user"


def user_name(user: User | None) -> str:
    """Of who did something; rows outlive the users that they name."""
    return user.get_username() if user else DELETED_USER


def monogram(name: str) -> str:
    """Two letters for a person or a provider: `tom.byrne` TB, `Smart Flows` SF, `flow8` f8, and
    `8x8 Automation` 8x."""
    first, *others = [word for word in re.split(r"[\W_]+", name) if word] or ["?"]
    if others and first.isalpha():
        return (first[0] + others[0][0]).upper()
    is_numbered = first[0].isalpha() and first[-1].isdecimal()
    return first[0] + first[-1] if is_numbered else first[:2]
