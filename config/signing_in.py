"""Whose request it is: the user with their preferences and whether they may act, in one query."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission, User
from django.db.models import Exists, OuterRef, Q


class PeopleBackend(ModelBackend):
    """Passwords as Django checks them; `user.preference` and `roles.may_act` cost no query of
    their own."""

    def get_user(self, user_id: Any) -> User | None:
        theirs = Q(user=OuterRef("pk")) | Q(group__user=OuterRef("pk"))
        act = Permission.objects.filter(
            theirs, content_type__app_label="executions", codename="act"
        )
        people = User.objects.select_related("preference").annotate(is_operator=Exists(act))
        user = people.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
