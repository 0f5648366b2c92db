"""Failures that stop being unresolved without a person, beside those that `store.sql` settles: by a
success with the same business key, and what a sweep finds. Each settles many with one statement.

A success ended later than the failure, in the time of their providers. It makes good what failed
in its workflow before; where both have a business key, only what shares one: another order that
went well says nothing of this one. A key that COMMON runs of its account carry counts as none.
`is_keyed` of a run is written with it, so that no statement looks at keys of many runs.
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
    """Settle what shares a business key with these runs and failed before a success with it, in
    whatever workflow. Returns how many were settled."""
    if not execution_ids:
        return 0
    return len(_change("settle_by_keys", {"ids": list(execution_ids), "common": COMMON}))


def sweep() -> int:
    """What was ignored until now comes back, unless a success has followed it meanwhile; what two
    writers stored at the same moment is settled. Returns how many changed."""
    changed = _change("sweep", {"now": database_clock.now()})
    settle_by_keys(changed)
    return len(changed)


def note_keys(account_id: int, execution_ids: Sequence[int], *, may_come: bool) -> None:
    """Write of these runs whether they have a key, after their keys were written anew, and settle
    what that makes good. `may_come`: a run that was not read yet may have one."""
    with connection.cursor() as cursor:
        cursor.execute(
            _sql("note_keys", has_key=has_key_sql(keys="NULL::jsonb")),
            {
                "ids": list(execution_ids),
                "account": account_id,
                "common": COMMON,
                "may_come": may_come,
            },
        )
    settle_by_keys(execution_ids)


def made_good_at_sql() -> str:
    """SQL: the end of the success of the workflow `w` that settles the failure `x`, if it ended
    before; null where there is none."""
    return _sql("made_good_at")


def has_key_sql(keys: str) -> str:
    """SQL: whether the run `x` has a business key, stored or among the JSON list `keys`. Its
    parameters: account, common."""
    return _sql("has_key", keys=keys)


def _change(name: str, values: dict[str, Any]) -> list[int]:
    """The runs that changed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_sql(name), values)
        rows = cursor.fetchall()
        publish_changed(rows)
    return [pk for _, pk, _ in rows]
