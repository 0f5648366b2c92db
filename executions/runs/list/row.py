"""The row of the live table: rendered here alone, for the first paint and for the live update.

Words, marks and times are worked out once, the template has no filters and no includes, and the
HTML is kept by everything it depends on.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.template import loader
from django.utils import timezone

from executions.commands.verbs import RUN_VERBS
from executions.display.command_states import COMMAND_LAMPS, COMMAND_WORDS, is_open_command
from executions.display.formatting import (
    clock,
    duration,
    iso,
    mark,
    moment,
    stamped,
    zone,
)
from executions.display.freshness import Freshness, freshness, is_last_seen
from executions.display.people import DELETED_USER, monogram
from executions.display.statuses import STATUS_VIEWS, StatusView
from executions.models import short_ref_of
from executions.payloads.text_escaping import plain
from executions.search.filters import provider_name
from executions.triage.display import Standing, standing_of
from providers.contract import Lamp
from providers.models import ProviderAccount

KEPT_ROWS = 5000
ACTS = 2  # verbs of a row
BAR = 72  # pixels of the whole bar, twice what is usual
LONG = timedelta(minutes=1)  # over the usual duration, before twice of it is called long


class _Kept:
    """The newest rendered rows of this process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: OrderedDict[Any, str] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> str | None:
        with self._lock:
            if key in self._rows:
                self._rows.move_to_end(key)
            return self._rows.get(key)

    def put(self, key: Any, html: str) -> None:
        with self._lock:
            self._rows[key] = html
            while len(self._rows) > self._limit:
                self._rows.popitem(last=False)


_kept = _Kept(KEPT_ROWS)


def token(execution: Any, account: ProviderAccount, fresh: Freshness, now: datetime) -> str:
    """What a page holds of a row, to tell whether it is still the newest."""
    own = (account.name, fresh.word, fresh.as_of if fresh.is_stale else "")
    command = (execution.command_kind, execution.command_state, execution.command_at)
    about = (execution.note_id, execution.missing_since, execution.is_gone,
             execution.assignee_name, execution.settled_by_name)  # fmt: skip
    is_overdue = execution.overdue_at is not None and execution.overdue_at < now
    return f"{execution.version}-{mark(*own, *command, *about, is_overdue)}"


def row(
    execution: Any,
    account: ProviderAccount,
    fresh: Freshness,
    now: datetime,
    is_mismatch: bool = False,
    *,
    picks: bool = False,
) -> str:
    """One `<tr>`, safe to print as it is. `execution` comes from `search.pages`, with the name of
    its workflow and its command. `picks`: with a box to select it, for those who may act."""
    reader = (timezone.get_current_timezone_name(), zone())  # its clock is changed as well
    known = token(execution, account, fresh, now)
    key = (execution.pk, known, is_mismatch, picks, reader)
    html = _kept.get(key)
    if html is None:
        context = {**row_view(execution, account, fresh, now, is_mismatch), "picks": picks}
        context["token"] = known + ("-gone" if is_mismatch else "")
        html = loader.get_template("executions/runs/list/_row.html").render(context)
        _kept.put(key, html)
    return html


def rows(
    executions: Iterable[Any],
    accounts: Mapping[int, ProviderAccount],
    now: datetime,
    *,
    picks: Container[int] = (),
) -> list[str]:
    """`picks`: the accounts whose runs can be selected."""
    fresh = {pk: freshness(account, now) for pk, account in accounts.items()}
    return [
        row(
            each,
            accounts[each.account_id],
            fresh[each.account_id],
            now,
            picks=each.account_id in picks,
        )
        for each in executions
        if each.account_id in accounts
    ]


def row_view(
    execution: Any, account: ProviderAccount, fresh: Freshness, now: datetime, is_mismatch: bool
) -> dict[str, Any]:
    """Everything the row's template prints, as strings and flags."""
    status = STATUS_VIEWS[execution.status]
    is_final = status.status.is_final
    is_old = is_last_seen(execution, fresh)
    is_open = not is_final and not is_old
    overdue = _overdue(execution, now, is_open=is_open)
    is_overdue = bool(overdue["usually"])
    waits = status.lamp == Lamp.NEEDS_YOU
    provider = provider_name(account.provider)
    standing, reason = standing_of(execution), plain(execution.status_reason)
    says = _says(execution, waits=waits, is_old=is_old)
    return {
        "id": execution.pk,
        "status": status,
        "word": "Overdue" if is_overdue else (status.past if is_old else status.word),
        "means": f"Runs longer than usual (usually {overdue['usually']})."
        if is_overdue
        else status.meaning,
        "mark": "alarm" if is_overdue else status.icon,
        "colour": Lamp.WARNING.value if is_overdue else status.lamp,
        "look": "" if is_old else look_of(status, standing, is_overdue=is_overdue),
        "workflow": plain(execution.workflow_name, 200) or "(no name)",
        "label": plain(execution.label, 200),
        "ref": plain(execution.ref),
        "short_ref": plain(short_ref_of(execution.ref)),
        "says": says or reason.capitalize(),
        "waits": waits,
        "more": _more(
            plain(execution.whereabouts) if execution.error_summary else "",
            "" if execution.whereabouts or not says else reason,
            f"{status.word.lower()}, usually {overdue['usually']}" if is_overdue else "",
            _standing_words(standing),
        ),
        "progress": None if is_final else execution.progress,
        "account": account.name,
        "provider": provider,
        "monogram": monogram(provider),
        "is_mismatch": is_mismatch,
        "is_old": is_old,
        "as_of": fresh.as_of if fresh.is_stale and not is_final else "",
        "stale_word": fresh.word if fresh.is_stale else "",
        "is_gone": execution.is_gone,
        "is_unreadable": is_old and execution.missing_since is not None and not execution.is_gone,
        "acts": _acts(execution, standing, waits=waits, is_open=is_open),
        "verbs": "" if execution.is_gone else " ".join(filter(RUN_VERBS.get, execution.offers)),
        **_times(execution, is_open=is_open),
        **_length(execution, now, is_open=is_open, waits=waits),
        **overdue,
        **_command(execution),
        **_note(execution),
    }


def _acts(
    execution: Any, standing: Standing | None, *, waits: bool, is_open: bool
) -> list[dict[str, str]]:
    """The verbs that stand in the row of who may act, at most two. `act`: posted from the row, else
    `href`: where it is decided."""
    page = f"/executions/{execution.pk}/"
    found = []
    if standing is not None and standing.state == "unresolved":
        found.append({"act": "take", "word": "I’m on it"})
    if waits:
        found.append({"href": f"{page}#questions", "word": "Answer"})
    for word, view in RUN_VERBS.items():
        is_asked = is_open is not view.is_of_ended
        if is_asked and word in execution.offers and not execution.is_gone:
            found.append({"href": f"{page}#dialog-{word}", "word": f"{view.word}…"})
    if not is_open and execution.can_start:
        again = f"/workflows/{execution.workflow_id}/?run={execution.pk}"
        found.append({"href": again, "word": "Run again…"})
    return found[:ACTS]


def look_of(status: StatusView, standing: Standing | None, *, is_overdue: bool) -> str:
    """`lit` where somebody must look, `held` where somebody is on it, else a plain mark."""
    if standing is not None:
        return {"unresolved": "lit", "in_hand": "held"}.get(standing.state, "")
    return "lit" if is_overdue or status.lamp == Lamp.NEEDS_YOU else ""


def _says(execution: Any, *, waits: bool, is_old: bool) -> str:
    """Where it is, in one line: its error, what it asks, how far it is."""
    if execution.error_summary:
        return plain(execution.error_summary)
    if waits and not execution.whereabouts:
        return "Waited for a person" if is_old else "Waits for a person"
    return plain(execution.whereabouts or execution.message)


def _more(*parts: str) -> list[str]:
    """What else is known of where it is, in the line below."""
    return [each for each in parts if each]


def _standing_words(standing: Standing | None) -> str:
    """Nothing of a run that waits for somebody: its status says so."""
    if standing is None or standing.state == "unresolved":
        return ""
    until = f" until {stamped(standing.until)}" if standing.until else ""
    return f"{standing.words}{until}"


def _length(execution: Any, now: datetime, *, is_open: bool, waits: bool) -> dict[str, Any]:
    """How long it takes against what is usual for its workflow, as a bar."""
    started, usual = execution.started_at, execution.typical_seconds
    end = execution.finished_at or (now if is_open else None)
    if not (started and end and usual):
        return {"bar": None}
    seconds = max(0.0, (end - started).total_seconds())
    usual = max(usual, 0.001)
    return {
        "bar": {
            "own": round(min(BAR, seconds / usual * BAR / 2), 1),
            "tick": BAR // 2,
            "usual": round(usual, 3),
        },
        "is_long": not waits and seconds > 2 * usual and seconds > usual + LONG.total_seconds(),
    }


def _times(execution: Any, *, is_open: bool) -> dict[str, Any]:
    started, finished = execution.started_at, execution.finished_at
    took = since = ""
    if started and finished:
        took = duration((finished - started).total_seconds())
    elif started and is_open:
        since = iso(started)
    return {
        "started": moment(started) or "not started",
        "started_iso": iso(started),
        "finished": moment(finished),
        "finished_iso": iso(finished),
        "took": took,
        "since": since,
        "waits_since": moment(execution.changed_at),
        "waits_since_iso": iso(execution.changed_at),
        "waits_before": not execution.is_change_reported,
    }


def _overdue(execution: Any, now: datetime, *, is_open: bool) -> dict[str, Any]:
    """How long its workflow usually takes if it is overdue, else when it will be."""
    at = execution.overdue_at
    if not is_open or at is None:
        return {"usually": ""}
    if at < now:
        return {"usually": duration(execution.typical_seconds or 0)}
    return {"usually": "", "overdue_at": iso(at)}


def _note(execution: Any) -> dict[str, Any]:
    if not execution.note_id:
        return {"note": ""}
    return {
        "note": plain(execution.note_text, 300),
        "note_by": execution.note_by or DELETED_USER,
        "note_at": stamped(execution.note_at),
    }


def _command(execution: Any) -> dict[str, Any]:
    if not execution.command_state:
        return {"command": ""}
    word = COMMAND_WORDS.get(execution.command_state, execution.command_state)
    by = f" by {execution.command_by}" if execution.command_by else ""
    text = f"{execution.command_kind} {word} {clock(execution.command_at)}{by}"
    message = plain(execution.command_message or "", 160)
    return {
        "command": text.capitalize(),
        "command_message": message if not is_open_command(execution.command_state) else "",
        "command_lamp": COMMAND_LAMPS.get(execution.command_state, "active"),
    }
