"""Keeps what the last polls of an account asked and got, without secrets, in a few rows.

Called by `poller` and `schedule.finish`, in whose transaction one statement writes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from executions.payloads.text_escaping import plain
from executions.sql_sections import statements
from executions.storage.snapshot_redaction import typed_lately
from providers import exact_json
from providers.http import Http
from providers.models import ProviderAccount
from providers.redaction import Secrets

_sql = statements(__file__)

KEPT = 20  # polls of an account
FAILED = -1  # the place of the last that failed
LONGEST = 300  # characters of a path with its query
EXCERPT = 2000  # characters of an answer


@dataclass(frozen=True)
class Trace:
    requests: list[list[Any]]
    """[method, path and query, status, milliseconds, bytes, records] of each."""
    left_out: int
    excerpt: str

    def store(
        self,
        account_id: int,
        poll_seq: int,
        started_at: datetime,
        outcome: str,
        error: str,
        has_failed: bool,
    ) -> None:
        """One statement."""
        slots = [poll_seq % KEPT, FAILED] if has_failed else [poll_seq % KEPT]
        values: dict[str, Any] = {
            "account": account_id, "slots": slots, "seq": poll_seq, "started": started_at,
            "outcome": outcome, "error": error, "requests": json.dumps(self.requests),
            "left_out": self.left_out, "excerpt": self.excerpt,
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_sql("store"), values)


def trace_of(account: ProviderAccount, http: Http, *, has_failed: bool) -> Trace:
    """What was asked; of a poll that failed also the begin of its last answer."""
    rows = [
        [
            each.method,
            _safe(http.secrets, each.address)[:LONGEST],
            each.status,
            round(each.seconds * 1000),
            each.bytes,
            each.records,
        ]
        for each in http.exchanges
    ]
    answer = http.exchanges.answer if has_failed else b""
    excerpt = _excerpt(answer, typed_lately(account, http.secrets)) if answer else ""
    return Trace(rows, http.exchanges.left_out, excerpt)


def _excerpt(answer: bytes, secrets: Secrets) -> str:
    """Secrets are taken out before it is cut: half of one would not be known again."""
    text = answer.decode("utf-8", "replace")
    try:
        text = exact_json.written(secrets.redact(exact_json.read(text)), indent=True)
    except (ValueError, TypeError, RecursionError):
        text = secrets.hide_named(text)
    return _storable(text)[:EXCERPT]


def _safe(secrets: Secrets, text: str) -> str:
    return _storable(secrets.hide_named(text))


def _storable(text: str) -> str:
    return plain(text).replace("\0", "")
