"""Bearer tokens of the JSON API: shown once when made, kept as a hash, checked by it."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from executions.access import audit_log
from executions.models import ApiToken

PREFIX = "ann_"  # lets secret scanners find one that was committed by mistake
MARK_USE_EVERY = timedelta(minutes=1)


def issue(user: User, *, label: str = "", by: str = "command line") -> str:
    """A new token for this person. This is the only time that it can be read."""
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken.objects.create(user=user, hash=_hash(token), label=label[:100])
    audit_log.record(
        by, audit_log.Action.TOKEN_ISSUED, target=f"token:{row.pk} of {user.get_username()}"
    )
    return token


def owner_of(token: str) -> User | None:
    """Whose token this is; None for an unknown one and for a person who may not sign in."""
    row = ApiToken.objects.select_related("user").filter(hash=_hash(token)).first()
    if row is None or not row.user.is_active:
        return None
    now = timezone.now()
    rested = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - MARK_USE_EVERY)
    if row.last_used_at is None or row.last_used_at < now - MARK_USE_EVERY:
        ApiToken.objects.filter(rested, pk=row.pk).update(last_used_at=now)
    return row.user


def _hash(token: str) -> str:
    """Plain SHA-256 is enough: a token is 256 random bits, nothing to guess from a list."""
    return hashlib.sha256(token.encode()).hexdigest()
