"""Authentication backend: loads the user with preferences and role in one query."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F

from executions.access.permissions import with_roles
from executions.models import Preference

ANYBODY = -1  # stands in the statement where the person's id goes
PREFIX = "preference_"
PREFERENCES = {PREFIX + field.attname: field for field in Preference._meta.concrete_fields}


class PeopleBackend(ModelBackend):
    """Passwords as Django checks them; neither `user.preference` nor whether the user may act costs
    a query of its own."""

    def get_user(self, user_id: Any) -> User | None:
        statement, values = _statement()
        given = [user_id if each == ANYBODY else each for each in values]
        user = next(iter(User.objects.raw(statement, given)), None)
        if user is None or not self.user_can_authenticate(user):
            return None
        columns = {name: vars(user).pop(name) for name in PREFERENCES}
        user._state.fields_cache["preference"] = _preference(columns)
        return user


@cache
def _statement() -> tuple[str, tuple[Any, ...]]:
    """Put together once, since every request asks: that takes longer than the answer."""
    preferences = {name: F(f"preference__{field.attname}") for name, field in PREFERENCES.items()}
    asked = with_roles(User.objects.annotate(**preferences)).filter(pk=ANYBODY)
    return asked.query.sql_with_params()


def _preference(columns: dict[str, Any]) -> Preference | None:
    """None for those who never chose."""
    if columns[f"{PREFIX}user_id"] is None:
        return None
    for name, field in PREFERENCES.items():
        for convert in field.get_db_converters(connection):
            columns[name] = convert(columns[name], None, connection)
    names = [field.attname for field in PREFERENCES.values()]
    return Preference.from_db("default", names, columns.values())
