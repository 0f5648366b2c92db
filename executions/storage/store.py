"""Stores a batch of snapshots: one SQL statement, one transaction, only what differs.

Called by `polling.poller`; calls nothing above the models. A batch is sent as one jsonb parameter,
compared with what is stored, and written with its transitions, counts and details together, so
that a status and its history cannot disagree. Unchanged snapshots write nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.db import (
    DatabaseError,
    NotSupportedError,
    OperationalError,
    connection,
    transaction,
)
from django.db.backends.utils import CursorWrapper

from executions import database_clock
from executions.payloads import business_keys
from executions.payloads.error_fingerprint import error_key
from executions.payloads.status_since import status_since
from executions.payloads.terminal_text import last_state, without_codes
from executions.payloads.whereabouts import MAX as MAX_PLACE
from executions.payloads.whereabouts import whereabouts
from executions.sql_sections import statements
from executions.storage import settled_by_success, telling_values
from executions.storage.rollups import quarter_sql, slot_sql
from executions.storage.snapshot_redaction import NOBODY, Typed, redacted
from providers import exact_json
from providers.contract import (
    MAX_LABEL,
    MAX_LABEL_VALUE,
    MAX_NAME,
    MAX_REF,
    MOST_LABELS,
    MOST_TRIES,
    Output,
    Question,
    Snapshot,
    Status,
    Step,
    Unreadable,
    short_ref,
)
from providers.redaction import MASK, NOTHING, Secrets

BATCH = 500  # snapshots in one statement
MAX_STEP_OUTPUT = 64 * 2**10  # bytes of one step's output
MAX_RAW = 256 * 2**10  # bytes of the provider's own object
MAX_PAYLOAD = 2**20  # bytes of an input or output
MAX_STEPS = 10_000
MAX_EXCERPT = 2000  # characters of a record that cannot be stored
MAX_ERROR = 20_000  # characters of a whole error text
MAX_TRY_ERROR = 2000  # of one try of a step
MAX_SIZE = 2**63 - 1  # bytes of a document
MAX_URL = 2000
MAX_ATTEMPTS = 32_000  # more is a mistake of the provider's, and does not fit
CUT = f"Its identifier is longer than {MAX_REF} characters: open it at the provider."
REFUSED = exact_json.note("the database takes no such value")
_ALTERED = (exact_json.NOTE[:9].encode(), exact_json.ODD_CHARACTER.encode())
NOW: Mapping[str, datetime] = {}  # everything was read just now
YEARS = range(1900, 9999)  # others stand for "no time"; at both ends a zone's clock runs out
OLDEST = timedelta(days=3650)  # a start before that, or after tomorrow, orders nothing

_QUARANTINE = statements(__file__)("quarantine")
_STORE = statements(__file__)(
    "store",
    quarter=quarter_sql("new_finished"),
    slot=slot_sql("status", "new_started", "new_finished"),
    old_quarter=quarter_sql("old_finished"),
    old_slot=slot_sql("old_status", "old_started", "old_finished"),
    has_key=settled_by_success.has_key_sql(keys="x.keys"),
    made_good_at=settled_by_success.made_good_at_sql(),
    telling=telling_values.values_sql(
        "n.input", "k.texts", "coalesce(nullif(n.name, ''), n.old_name)"
    ),
)


@dataclass(frozen=True)
class Stored:
    """One row that the statement wrote. `is_settled`: not because of a snapshot of it, but since a
    success has settled its failure."""

    execution_id: int
    ref: str
    version: int
    old_status: str | None
    status: str
    is_new: bool
    is_detailed: bool
    is_settled: bool

    @property
    def has_new_status(self) -> bool:
        return self.old_status != self.status


def store(
    account_id: int,
    poll_seq: int,
    snapshots: Sequence[Snapshot],
    *,
    read_at: Mapping[str, datetime] = NOW,
    secrets: Secrets = NOTHING,
    typed: Typed = NOBODY,
    rules: Sequence[business_keys.Rule] = (),
    is_first: bool = False,
) -> tuple[list[Stored], int]:
    """Write what is new in these snapshots. Returns what was written and how many were
    quarantined. `secrets` are the account's own, `typed` holds for some runs these and more; they
    are taken out before anything is cut or compared. `rules` find the business keys of the runs; a
    run that is written gets the keys it did not have. `is_first`: of what has ended before anybody
    looked, any later success of the workflow makes a failure good, whatever their keys.

    Old news is ignored: a snapshot of an older poll, of an older provider version, or whose
    reading began (`read_at`, by ref; else now) before that of what is stored: after a command a
    run is read at once, while a poll may still hold what it read before. Several snapshots of
    one ref: the last counts.
    """
    latest = {snapshot.ref: snapshot for snapshot in snapshots}
    rows: list[tuple[str, str]] = []
    bad = 0
    now = database_clock.now()
    for ref, snapshot in latest.items():
        hidden = typed.get(ref, secrets)
        try:
            clean = redacted(_as_printed(snapshot), secrets, hidden)
            row = _row(clean, now, read_at.get(ref, now))
            row["ekey"] = error_key(row["error"]) if row["error"] else ""
            keys = _keys(row, clean, rules) if rules else ()
            if keys:
                row["keys"] = keys
            if is_first and clean.status.is_final:
                row["is_past"] = True
            elif not keys and row["fp"] is None and any(rule.needs_detail for rule in rules):
                row["keys_may_come"] = True
            rows.append((clean.ref, exact_json.write(row, notes=True).decode()))
        except (TypeError, ValueError, RecursionError) as error:
            record = Unreadable(ref=ref, reason=f"Cannot be stored: {error}")
            quarantine(account_id, [record], hidden)
            bad += 1
    stored: list[Stored] = []
    for start in range(0, len(rows), BATCH):
        written, refused = _write(account_id, poll_seq, now, rows[start : start + BATCH])
        stored += written
        bad += refused
    if rules:
        settled_by_success.settle_by_keys(
            [row.execution_id for row in stored if not row.is_settled]
        )
    return stored, bad


def quarantine(
    account_id: int, records: Sequence[Unreadable], secrets: Secrets, typed: Typed = NOBODY
) -> None:
    """Keep what is known of records that could not be stored, without secrets; one row per ref,
    counted, in one statement for all."""
    rows: dict[str, list[Any]] = {}
    for record in records:
        hide = typed.get(record.ref, secrets)
        ref = _ref(hide.hide_certain(record.ref))
        count = rows[ref][3] if ref in rows else 0
        reason = _text(hide.hide_named(record.reason), 300)
        rows[ref] = [ref, reason, _text(hide.hide_named(record.excerpt), MAX_EXCERPT), count + 1]
    columns = [list(column) for column in zip(*(rows[ref] for ref in sorted(rows)), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_QUARANTINE, [account_id, database_clock.now(), *columns])


def _write(
    account_id: int, poll_seq: int, now: datetime, rows: list[tuple[str, str]], tries: int = 3
) -> tuple[list[Stored], int]:
    """One statement, and another for the runs that another writer stored meanwhile. If Postgres
    refuses a value, halve until the one poison row is alone, and store that without payload."""
    if not rows:
        return [], 0
    body = f"[{','.join(encoded for _, encoded in rows)}]"
    try:
        stored, overtaken = _execute(account_id, poll_seq, now, body)
        again = [row for row in rows if row[0] in overtaken] if tries else []
        more, bad = _write(account_id, poll_seq, now, again, tries - 1)
        return stored + more, bad
    except (OperationalError, NotSupportedError):
        raise  # the database's trouble, not the rows'; a column may have changed under the plan
    except DatabaseError as error:
        if len(rows) == 1:
            slim = _without_payload(rows[0][1])
            if slim is not None:
                return _write(account_id, poll_seq, now, [(rows[0][0], slim)], tries)
            reason = str(error).split("\n")[0]
            excerpt = rows[0][1][:MAX_EXCERPT]
            record = Unreadable(ref=rows[0][0], reason=reason, excerpt=excerpt)
            quarantine(account_id, [record], NOTHING)
            return [], 1
    middle = len(rows) // 2
    left, left_bad = _write(account_id, poll_seq, now, rows[:middle])
    right, right_bad = _write(account_id, poll_seq, now, rows[middle:])
    return left + right, left_bad + right_bad


def _without_payload(encoded: str) -> str | None:
    """A row with its status, times, error and steps, but nothing that a provider may fill as it
    likes; None if it is that already."""
    row = exact_json.read(encoded)
    if row["fp"] is None or row["raw"] == REFUSED:
        return None
    row |= {"raw": REFUSED, "input": REFUSED, "output": REFUSED, "keys": None, "altered": True}
    row["steps"] = [{**step, "output": None} for step in row["steps"]]
    return exact_json.written(row)


def _execute(
    account_id: int, poll_seq: int, now: datetime, body: str
) -> tuple[list[Stored], set[str]]:
    """What was written, and the refs of news that another write came before: compare again."""
    with transaction.atomic(), _prepared_cursor() as cursor:
        common = settled_by_success.COMMON
        cursor.execute(
            _STORE,
            {"account": account_id, "seq": poll_seq, "now": now, "rows": body, "common": common},
        )
        rows = cursor.fetchall()
    stored = [Stored(*row) for row in rows if row[0] is not None]
    return stored, {row[1] for row in rows if row[0] is None}


def _prepared_cursor() -> CursorWrapper:
    """Whose statements are planned once per connection: planning this one takes a third of its
    time. Django's own cursors write the values into the text, which is new each time then; but
    only they can log what they send."""
    if connection.queries_logged:
        return connection.cursor()
    connection.ensure_connection()
    cursor: Any = psycopg.Cursor(connection.connection)
    return connection.make_cursor(cursor)


# ------------------------------------------------------------------------------ snapshot -> row


def as_stored(snapshot: Snapshot, secrets: Secrets) -> dict[str, Any]:
    """What would be stored of it now, by the words of `store.sql`: bounded and without secrets."""
    now = database_clock.now()
    return _row(redacted(_as_printed(snapshot), secrets, secrets), now, now)


def _row(snapshot: Snapshot, now: datetime, read_at: datetime) -> dict[str, Any]:
    """The JSON object that the statement reads; keys as in `store.sql`."""
    if len(snapshot.ref) > MAX_REF:  # shortened, it could not be asked for
        raise ValueError(f"an identifier is longer than {MAX_REF} characters")
    workflow = snapshot.workflow
    error = _printed_text(snapshot.error, MAX_ERROR)
    row: dict[str, Any] = {
        "ref": _ref(snapshot.ref),
        "wref": _ref(workflow.ref),
        "wname": _text(workflow.title, MAX_NAME) or _ref(workflow.ref),
        "wstart": workflow.can_start and len(workflow.ref) <= MAX_REF,
        "name": _text(snapshot.name, MAX_NAME),
        "status": snapshot.status.value,
        "reason": _text(snapshot.status_reason, 60),
        "native": _text(snapshot.native_status, 60),
        "progress": None if snapshot.progress is None else _whole(snapshot.progress, 100),
        "message": _printed_text(snapshot.message, 300),
        "error": summary_of(error),
        "since": within_years(status_since(snapshot)),
        "created": within_years(snapshot.created_at),
        "started": within_years(snapshot.started_at),
        "finished": within_years(snapshot.finished_at),
        "sort_at": _sortable(snapshot.started_at or snapshot.created_at, now),
        "offers": sorted(verb.value for verb in snapshot.offers),
        "url": _url(snapshot.url),
        "pver": _text(snapshot.version, 60),
        "read": read_at,
        "fp": None,
        **_relations(snapshot),
    }
    if snapshot.steps is not None and not snapshot.needs_detail:
        _add_detail(row, snapshot, error)
    return row


def _keys(
    row: Mapping[str, Any], snapshot: Snapshot, rules: Sequence[business_keys.Rule]
) -> list[dict[str, str]]:
    """The run's business keys, none of them with a secret in it."""
    sources = {"name": row["name"], "ref": row["ref"], "error": row.get("full_error", row["error"])}
    for name in ("input", "output", "raw"):
        value = getattr(snapshot, name)
        if value is not None and any(rule.source == name for rule in rules):
            sources[name] = value
    return [
        {"name": key.name, "value": key.value, "text": key.text}
        for key in business_keys.find(rules, sources)
        if MASK not in key.text
    ]


def _add_detail(row: dict[str, Any], snapshot: Snapshot, error: str) -> None:
    detail = {
        "full_error": error,
        "raw": _payload(snapshot.raw, MAX_RAW),
        "input": _payload(snapshot.input, MAX_PAYLOAD),
        "output": _payload(snapshot.output, MAX_PAYLOAD),
        "steps": _steps(snapshot),
        "questions": [_question(question, snapshot) for question in snapshot.questions or ()],
        "outputs": [
            _output(ref, output)
            for ref, output in {_ref(each.ref): each for each in snapshot.outputs or ()}.items()
        ],
        **_attempt(snapshot.attempt),
        **_relations(snapshot),
    }
    encoded = exact_json.write(detail, notes=True)
    detail["altered"] = any(mark in encoded for mark in _ALTERED)
    row["fp"] = hashlib.blake2b(encoded, digest_size=16).hexdigest()
    row["place"] = _text(whereabouts(snapshot), MAX_PLACE)
    row.update(detail)


def _relations(snapshot: Snapshot) -> dict[str, Any]:
    """Labels and what the run came of; only what the provider says, so that runs of the others keep
    their fingerprints."""
    relations: dict[str, Any] = {}
    if snapshot.labels is not None:
        relations["labels"] = labels_of(snapshot.labels)
    if snapshot.parent_ref:
        relations["parent"] = _ref(snapshot.parent_ref)
    if snapshot.retry_of:
        relations["retry_of"] = _ref(snapshot.retry_of)
    return relations


def labels_of(labels: Mapping[str, str]) -> list[str]:
    """As they are stored, sorted: `name=value`, or the name alone."""
    kept = list(labels.items())[:MOST_LABELS]
    pairs = [(_text(name, MAX_LABEL), _text(value, MAX_LABEL_VALUE)) for name, value in kept]
    return sorted({f"{name}={value}" if value else name for name, value in pairs if name})


def _tries(step: Step) -> dict[str, Any]:
    """Left out where the provider keeps none."""
    if not step.tries:
        return {}
    return {
        "tries": [
            {
                "attempt": _whole(each.attempt, MAX_ATTEMPTS),
                "status": each.status.value,
                "native_status": _text(each.native_status, 60),
                "started_at": within_years(each.started_at),
                "finished_at": within_years(each.finished_at),
                "error": _printed_text(each.error, MAX_TRY_ERROR),
            }
            for each in step.tries[-MOST_TRIES:]
        ]
    }


def _steps(snapshot: Snapshot) -> list[dict[str, Any]]:
    unique = {_ref(step.ref): step for step in (snapshot.steps or ())[:MAX_STEPS]}
    return [
        {
            "ref": ref,
            "position": position,
            "path": [_text(part, MAX_NAME) for part in step.path],
            "name": _text(step.name, MAX_NAME) or ref,
            "status": step.status.value,
            "reason": _text(step.status_reason, 60),
            "native": _text(step.native_status, 60),
            "started": within_years(step.started_at),
            "finished": within_years(step.finished_at),
            "error": _printed_text(step.error, MAX_ERROR),
            "output": _payload(step.output, MAX_STEP_OUTPUT),
            "run_ref": _ref(step.run_ref),
            **_attempt(step.attempt),
            **_tries(step),
        }
        for position, (ref, step) in enumerate(unique.items())
    ]


def _attempt(number: int) -> dict[str, int]:
    """Left out where the provider does not say, so that its runs keep their fingerprints."""
    return {"attempt": _whole(number, MAX_ATTEMPTS)} if number else {}


def _output(ref: str, output: Output) -> dict[str, Any]:
    is_cut = len(output.ref) > MAX_REF
    return {
        "ref": ref,
        "name": _text(output.name, MAX_NAME) or ref,
        "content_type": _text(output.content_type, 100),
        "size": None if output.size is None else _whole(output.size, MAX_SIZE),
        "status": output.status.value,
        "error": CUT if is_cut else _printed_text(output.error, 500),
        **({"step_ref": _ref(output.step_ref)} if output.step_ref else {}),
    }


def _question(question: Question, snapshot: Snapshot) -> dict[str, Any]:
    is_cut = len(question.ref) > MAX_REF
    waits_since = status_since(snapshot) if snapshot.status is Status.USER_INPUT else None
    row: dict[str, Any] = {
        "ref": _ref(question.ref),
        "kind": question.kind,
        "title": CUT if is_cut else _text(question.title, MAX_NAME),
        "description": _text(question.description, 5000),
        "schema": _as_text(question.schema),
        "form": _as_text(question.form),
        "model": _as_text(question.model),
        "choices": [
            {"value": choice.value, "label": choice.label, "is_danger": choice.is_danger}
            for choice in question.choices
        ],
        "asked": within_years(question.asked_at or waits_since),
        "due": within_years(question.due_at),
        "is_answerable": question.is_answerable and not is_cut,
    }
    if question.url:
        row["url"] = _url(question.url)
    if question.assignees:
        row["assignees"] = [_text(name, MAX_NAME) for name in question.assignees]
    asked = {key: row[key] for key in ("schema", "form", "model", "choices", "kind")}
    row["fingerprint"] = hashlib.blake2b(exact_json.write(asked), digest_size=16).hexdigest()
    return row


def _payload(value: Any, limit: int) -> Any:
    """What is stored of an input, an output or a raw object. Never an error: the run counts more
    than what is in it."""
    if value is None:
        return None
    try:
        return bounded(value, limit)
    except (TypeError, ValueError, RecursionError, ArithmeticError) as error:
        return exact_json.note(f"{type(error).__name__}: {error}"[:300])


def bounded(value: Any, limit: int) -> Any:
    """The value, or a note about its size with its start, if its JSON is longer than `limit`."""
    if value is None:
        return None
    encoded = exact_json.write(value)
    if len(encoded) <= limit:
        return value
    start = encoded[:2000].decode("utf-8", "ignore")
    return {"_truncated": True, "_bytes": len(encoded), "_start": start}


def _as_text(value: Any) -> str | None:
    """For OrderedJSON: the order of keys is the order of fields."""
    return None if value is None else exact_json.written(bounded(value, MAX_PAYLOAD))


def summary_of(error: str) -> str:
    """The first line that says something, at most 300 characters. Of a traceback, alone or below a
    heading as "Runtime error:", that is the last one: those are the same for every error."""
    lines = [line for line in map(str.strip, error.splitlines()) if line]
    if not lines:
        return ""
    begin = lines[: 2 if lines[0].endswith(":") else 1]
    is_traceback = any(line.startswith("Traceback (most recent call last)") for line in begin)
    return lines[-1 if is_traceback else 0][:300]


def _text(value: str, limit: int) -> str:
    return str(exact_json.cleaned(without_codes(value)))[:limit]


def _printed_text(value: str, limit: int) -> str:
    """What a program printed: errors and messages."""
    return _text(_printed(value), limit)


def _printed(value: str) -> str:
    return without_codes(last_state(value))


def _as_printed(snapshot: Snapshot) -> Snapshot:
    """Codes of a terminal gone from errors and messages, so that a secret is found around them."""
    steps = snapshot.steps or ()
    if not any("\x1b" in text or "\b" in text for text in (
        snapshot.error, snapshot.message, *(step.error for step in steps),
        *(each.error for step in steps for each in step.tries),
    )):  # fmt: skip
        return snapshot
    return replace(
        snapshot,
        error=_printed(snapshot.error),
        message=_printed(snapshot.message),
        steps=None
        if snapshot.steps is None
        else tuple(
            replace(
                step,
                error=_printed(step.error),
                tries=tuple(replace(each, error=_printed(each.error)) for each in step.tries),
            )
            for step in steps
        ),
    )


def _ref(value: str) -> str:
    return short_ref(str(exact_json.cleaned(value)))


def _url(address: str) -> str:
    """None at all where it would have to be cut: it would lead elsewhere."""
    is_link = address.startswith(("http://", "https://")) and len(address) <= MAX_URL
    return _text(address, MAX_URL) if is_link else ""


def _whole(number: Any, most: int) -> int:
    """A count that fits its column; 0 for what is no number."""
    if not isinstance(number, int | float) or number != number:
        return 0
    return int(min(max(number, 0), most))


def within_years(at: datetime | None) -> datetime | None:
    """None for a time that Python cannot read back, or no clock of some zone can show."""
    return at if at is not None and at.year in YEARS else None


def _sortable(started_at: datetime | None, now: datetime) -> datetime:
    if started_at is None or not (now - OLDEST <= started_at <= now + timedelta(days=1)):
        return now
    return started_at
