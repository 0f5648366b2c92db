"""Failures that stop being unresolved without a person, beside those that `store.sql` settles: by a
success with the same business key, and what a sweep finds. Each settles many with one statement.

A success ended later than the failure, in the time of their providers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

from executions import database_clock
from executions.live.publish import publish_changed
from executions.sql_sections import statements

_sql = statements(__file__)

COMMON = 50  # runs of an account from which on a key says too little to settle anything


def settle_by_keys(execution_ids: Sequence[int]) -> int:
    """Settle what shares a business key with these runs and failed before a success with it. A key
    that COMMON runs of one account carry names no single thing, and settles nothing. Returns how
    many were settled."""
    if not execution_ids:
        return 0
    return _change("settle_by_keys", {"ids": list(execution_ids), "common": COMMON})


def sweep() -> int:
    """What was ignored until now comes back, unless its workflow has succeeded meanwhile; what two
    writers stored at the same moment is settled. Returns how many changed."""
    return _change("sweep", {"now": database_clock.now()})


def _change(name: str, values: dict[str, Any]) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_sql(name), values)
        rows = cursor.fetchall()
        publish_changed(rows)
    return len(rows)
