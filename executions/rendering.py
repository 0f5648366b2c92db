"""Turns rows of the database into what a page prints: words, marks and times, worked out once.

The row of the live table is rendered here alone, for the first paint and for the live update, and
kept by everything it depends on. Its template has no filters and no includes.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.template import loader
from django.utils.safestring import SafeString

from executions.filters import provider_name
from executions.models import OPEN_COMMAND_STATES, CommandState
from providers.contract import LAMPS, STATUS_MEANINGS, Status
from providers.models import Health, ProviderAccount

KEPT_ROWS = 5000
LATE_AFTER = timedelta(seconds=60)  # at the least; slow accounts get three of their own intervals
ICONS: Mapping[Status, str] = {
    Status.QUEUED: "clock",
    Status.RUNNING: "ring",
    Status.WAITING: "hourglass",
    Status.USER_INPUT: "hand",
    Status.PAUSED: "pause",
    Status.SUCCEEDED: "tick",
    Status.WARNING: "triangle",
    Status.FAILED: "cross",
    Status.CANCELED: "slash",
    Status.TIMED_OUT: "alarm",
    Status.SKIPPED: "skip",
    Status.UNKNOWN: "question",
}
WORDS: Mapping[Status, str] = {
    **{status: status.value.replace("_", " ").capitalize() for status in Status},
    Status.USER_INPUT: "Needs you",
}


# --------------------------------------------------------------------------------------- words


def plain(text: str, limit: int = 0) -> str:
    """Provider text with nothing invisible in it: control and direction characters are shown by
    their code, tabs and line ends stay."""
    if limit and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _is_visible(c) else f"⟨U+{ord(c):04X}⟩" for c in text)


def _is_visible(character: str) -> bool:
    code = ord(character)
    if code in (9, 10, 13):
        return True
    is_direction = 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069 or code in (0x200E, 0x200F)
    is_control = code < 32 or 127 <= code < 160 or 0xD800 <= code <= 0xDFFF or code == 0xFEFF
    return not (is_direction or is_control)


def moment(at: datetime | None) -> str:
    """`Nov 22 12:03:05`, in UTC like every time of the site."""
    return at.astimezone(UTC).strftime("%b %d %H:%M:%S") if at else ""


def iso(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def clock(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%H:%M:%S") if at else ""


def duration(seconds: float) -> str:
    """Never negative; the same words as `duration` in app.js."""
    total = max(0.0, seconds)
    if total < 10:
        return f"{total:.1f} s"
    whole = int(total)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def size(number: int | None) -> str:
    if number is None:
        return ""
    if number < 1024:
        return f"{number} B"
    return f"{number / 1024:.0f} KB" if number < 1024**2 else f"{number / 1024**2:.1f} MB"


def count(number: int, cap: int, is_least: bool = False) -> str:
    """`1,000+` above the cap; `12+` where it is only a lower bound."""
    if number > cap:
        return f"{cap:,}+"
    return f"{number:,}+" if is_least and number else f"{number:,}"


def mark(*parts: object) -> str:
    """A short token that changes when one of the parts does."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()


@dataclass(frozen=True)
class StatusView:
    """A status as every place shows it: icon, word and colour of its lamp."""

    status: Status
    word: str
    icon: str
    lamp: str
    meaning: str


STATUS_VIEWS: Mapping[str, StatusView] = {
    status.value: StatusView(
        status, WORDS[status], ICONS[status], LAMPS[status].value, STATUS_MEANINGS[status]
    )
    for status in Status
}


# ---------------------------------------------------------------------------- age of the data


@dataclass(frozen=True)
class Freshness:
    """How far an account's rows can be believed."""

    word: str
    """current, new, late, unreachable, refused or disabled."""
    is_stale: bool
    as_of: str
    sentence: str

    @property
    def is_trouble(self) -> bool:
        return self.word in ("late", "unreachable", "refused")


def freshness(account: ProviderAccount, now: datetime) -> Freshness:
    seen = account.last_success_at
    as_of = moment(seen)
    until = f"Data is from {as_of} UTC." if seen else "Nothing has been read from it yet."
    is_old = seen is None or now - seen > _patience(account)
    if account.health == Health.PAUSED or not account.enabled:
        return Freshness("disabled", True, as_of, f"Polling is disabled. {until}")
    if account.health == Health.AUTH:
        since = moment(account.health_since)
        return Freshness(
            "refused",
            True,
            as_of,
            f"Credentials refused since {since} UTC; polling stopped. {until}",
        )
    if account.health == Health.FAILING and is_old:
        since = moment(account.health_since)
        return Freshness("unreachable", True, as_of, f"Polls fail since {since} UTC. {until}")
    if seen is None:
        return Freshness("new", False, "", "Waiting for its first poll.")
    if is_old:
        return Freshness("late", True, as_of, f"No poll has finished lately. {until}")
    return Freshness("current", False, as_of, "")


def _patience(account: ProviderAccount) -> timedelta:
    try:
        every = account.adapter_class.pace.idle_every
    except KeyError:
        every = LATE_AFTER
    if account.poll_every:
        every = max(every, timedelta(seconds=account.poll_every))
    return max(LATE_AFTER, 3 * every)


# ------------------------------------------------------------------------------------ commands

COMMAND_WORDS: Mapping[str, str] = {
    CommandState.PENDING: "requested",
    CommandState.SENDING: "being sent",
    CommandState.ACCEPTED: "accepted, not confirmed yet",
    CommandState.CONFIRMED: "confirmed",
    CommandState.REJECTED: "rejected",
    CommandState.UNKNOWN: "outcome unknown, being checked",
    CommandState.NEEDS_PERSON: "needs a decision",
}
COMMAND_LAMPS: Mapping[str, str] = {
    CommandState.CONFIRMED: "done",
    CommandState.REJECTED: "failed",
    CommandState.UNKNOWN: "warning",
    CommandState.NEEDS_PERSON: "needs_you",
}


def is_open_command(state: str) -> bool:
    return state in {str(each) for each in OPEN_COMMAND_STATES}


# ---------------------------------------------------------------------------------------- rows


class _Kept:
    """The newest rendered rows of this process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: OrderedDict[Any, SafeString] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> SafeString | None:
        with self._lock:
            if key in self._rows:
                self._rows.move_to_end(key)
            return self._rows.get(key)

    def put(self, key: Any, html: SafeString) -> None:
        with self._lock:
            self._rows[key] = html
            while len(self._rows) > self._limit:
                self._rows.popitem(last=False)


_kept = _Kept(KEPT_ROWS)


def token(execution: Any, account: ProviderAccount, fresh: Freshness) -> str:
    """What a page holds of a row, to tell whether it is still the newest."""
    own = (account.name, fresh.word, fresh.as_of if fresh.is_stale else "")
    command = (execution.command_kind, execution.command_state, execution.command_at)
    return f"{execution.version}-{mark(*own, *command, execution.missing_since)}"


def row(
    execution: Any, account: ProviderAccount, fresh: Freshness, is_mismatch: bool = False
) -> SafeString:
    """One `<tr>`. `execution` comes from `finding`, with its workflow's name and its command."""
    key = (execution.pk, token(execution, account, fresh), is_mismatch)
    html = _kept.get(key)
    if html is None:
        context = row_view(execution, account, fresh, is_mismatch)
        html = loader.get_template("executions/_row.html").render(context)
        _kept.put(key, html)
    return html


def rows(
    executions: Iterable[Any], accounts: Mapping[int, ProviderAccount], now: datetime
) -> list[SafeString]:
    fresh = {pk: freshness(account, now) for pk, account in accounts.items()}
    return [
        row(each, accounts[each.account_id], fresh[each.account_id])
        for each in executions
        if each.account_id in accounts
    ]


def row_view(
    execution: Any, account: ProviderAccount, fresh: Freshness, is_mismatch: bool
) -> dict[str, Any]:
    """Everything the row's template prints, as strings and flags."""
    status = STATUS_VIEWS[execution.status]
    is_final = status.status.is_final
    label = plain(execution.name or execution.ref, 200)
    return {
        "id": execution.pk,
        "token": token(execution, account, fresh) + ("-gone" if is_mismatch else ""),
        "status": status,
        "reason": plain(execution.status_reason),
        "native": plain(execution.native_status),
        "workflow": plain(execution.workflow_name, 200) or "(no name)",
        "label": label,
        "ref": plain(execution.ref),
        "error": plain(execution.error_summary),
        "message": "" if execution.error_summary else plain(execution.message),
        "progress": None if is_final else execution.progress,
        "account": account.name,
        "provider": provider_name(account.provider),
        "is_mismatch": is_mismatch,
        "is_still": fresh.is_stale,
        "as_of": fresh.as_of if fresh.is_stale and not is_final else "",
        "stale_word": fresh.word if fresh.is_stale else "",
        "is_missing": execution.missing_since is not None,
        **_times(execution, is_final, fresh),
        **_command(execution),
    }


def _times(execution: Any, is_final: bool, fresh: Freshness) -> dict[str, Any]:
    started, finished = execution.started_at, execution.finished_at
    took = since = ""
    if started and finished:
        took = duration((finished - started).total_seconds())
    elif started and not is_final and not fresh.is_stale:
        since = iso(started)
    return {
        "started": moment(started) or "not started",
        "started_iso": iso(started),
        "took": took,
        "since": since,
        "waits_since": moment(execution.changed_at),
        "waits_since_iso": iso(execution.changed_at),
    }


def _command(execution: Any) -> dict[str, Any]:
    if not execution.command_state:
        return {"command": ""}
    word = COMMAND_WORDS.get(execution.command_state, execution.command_state)
    by = f" by {execution.command_by}" if execution.command_by else ""
    text = f"{execution.command_kind} {word} {clock(execution.command_at)}{by}"
    said = plain(execution.command_message or "", 160)
    return {
        "command": text.capitalize(),
        "command_said": said if not is_open_command(execution.command_state) else "",
        "command_lamp": COMMAND_LAMPS.get(execution.command_state, "active"),
    }
