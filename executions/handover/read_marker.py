"""The read marker: from when on what has changed is news to a person."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from executions.access import audit_log
from executions.models import Preference


def mark_read(user: User, until: datetime, *, address: str | None) -> None:
    """What came up to this moment has been seen."""
    with transaction.atomic():
        Preference.objects.update_or_create(user=user, defaults={"seen_at": until})
        audit_log.record(user, audit_log.Action.SHIFT_TAKEN_OVER, address=address)
