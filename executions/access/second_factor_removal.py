"""Second factors as an administrator and a new seal see them; the sign-in itself is config's."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.db import transaction

SEALED = ("secret", "seed")
"""Under which names `Authenticator.data` holds what is sealed."""


@transaction.atomic
def remove_all(person: User) -> None:
    """Of somebody who lost them: the next sign-in asks for none. Each is an entry of the audit log,
    as every other that is added or removed."""
    Authenticator.objects.filter(user=person).delete()
