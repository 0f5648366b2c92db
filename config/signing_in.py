"""Whose request it is: the user with their preferences, in one query."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User


class PeopleBackend(ModelBackend):
    """Passwords as Django checks them; `user.preference` costs no query of its own."""

    def get_user(self, user_id: Any) -> User | None:
        user = User.objects.select_related("preference").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
