"""Authentication backend: loads the user with preferences and role in one query."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db.models import QuerySet

from executions.access.permissions import with_roles


class PeopleBackend(ModelBackend):
    """Passwords as Django checks them; neither `user.preference` nor whether the user may act costs
    a query of its own."""

    def get_user(self, user_id: Any) -> User | None:
        user = _people().filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None


@cache
def _people() -> QuerySet[User]:
    """Built once, since every request asks: what is to be asked takes longer to put together than
    to answer."""
    return with_roles(User.objects.select_related("preference"))
