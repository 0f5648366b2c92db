"""Bearer tokens of the JSON API: shown once when made, kept as a hash, checked by it.

Called by the page of one's own tokens, the admin, the command line and the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from executions.access import audit_log, secret_hashes
from executions.models import ApiToken, TokenScope

PREFIX = "ann_"  # lets secret scanners find one that was committed by mistake
MARK_USE_EVERY = timedelta(minutes=1)
SHOWN = 8  # characters by which a person knows a token again; 24 bits of its 256
MOST = 20  # tokens of one person


class NotIssued(Exception):
    """Show it: no token was made. str() is a sentence for a person."""


def issue(
    user: User,
    *,
    label: str = "",
    by: str = "command line",
    scope: TokenScope = TokenScope.ACT,
    expires_at: datetime | None = None,
    request_key: UUID | None = None,
    address: str | None = None,
) -> str:
    """A new token for this person. This is the only time that it can be read. Raises NotIssued."""
    token = secret_hashes.new(PREFIX)
    with transaction.atomic():
        held = User.objects.select_for_update().get(pk=user.pk)  # one form of a person at a time
        own = ApiToken.objects.filter(user=held)
        if request_key is not None and ApiToken.objects.filter(request_key=request_key).exists():
            raise NotIssued("This form was sent already and made one token, shown once then.")
        if own.count() >= MOST:
            raise NotIssued(f"A person has at most {MOST} tokens. Revoke one that is not used.")
        row = ApiToken.objects.create(
            user=user,
            hash=secret_hashes.hash_of(token),
            label=label[:100],
            prefix=token[:SHOWN],
            scope=scope,
            expires_at=expires_at,
            request_key=request_key,
        )
        audit_log.record(
            by,
            audit_log.Action.TOKEN_ISSUED,
            target=_target(row),
            detail={
                "scope": scope.value,
                "valid until": expires_at.isoformat() if expires_at else "revoked",
            },
            address=address,
        )
    return token


def revoke(token: ApiToken, by: User, *, address: str | None) -> None:
    """Programs that use it are refused from now on."""
    with transaction.atomic():
        audit_log.record(by, audit_log.Action.TOKEN_REVOKED, target=_target(token), address=address)
        token.delete()


def owner_of(token: str) -> User | None:
    """Whose token this is, with `only_reads` where its scope says so; None for one that is unknown
    or has ended, and for a person who may not sign in."""
    row = ApiToken.objects.select_related("user").filter(hash=secret_hashes.hash_of(token)).first()
    now = timezone.now()
    if row is None or not row.user.is_active or (row.expires_at and row.expires_at <= now):
        return None
    rested = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - MARK_USE_EVERY)
    if row.last_used_at is None or row.last_used_at < now - MARK_USE_EVERY:
        ApiToken.objects.filter(rested, pk=row.pk).update(last_used_at=now)
    user: User = row.user
    user.only_reads = row.scope == TokenScope.READ  # type: ignore[attr-defined]
    return user


def _target(token: ApiToken) -> str:
    return f"token:{token.pk} of {token.user.get_username()}"
