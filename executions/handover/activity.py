"""What changed between two moments, for the person who takes over: read from what polls and
people have left behind, newest first, each kind bounded.

Called by the handover view. `GROUPS` names the kinds in the order of the page; each is one function
of the window and costs one or two queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q

from executions.commands.verbs import VERBS
from executions.display.command_states import COMMAND_LAMPS, COMMAND_WORDS
from executions.display.formatting import stamped
from executions.display.people import user_name
from executions.display.statuses import STATUS_VIEWS
from executions.models import (
    PROBLEM_STATUSES,
    RATED_STATUSES,
    Command,
    Execution,
    Note,
    Question,
)
from executions.payloads.text_escaping import plain
from executions.sql_sections import statements
from providers.contract import Status, Verb
from providers.models import Health, ProviderAccount

_sql = statements(__file__)

MOST = 500  # events of one kind
SCANNED = 50_000  # status changes looked at
POLLS = 5000  # poll runs counted per account
SEEN_LATE = timedelta(minutes=5)  # a run that had ended so long before it was seen says when


@dataclass(frozen=True)
class Window:
    """After `since`, up to `until`, at these accounts."""

    accounts: Mapping[int, ProviderAccount]
    since: datetime
    until: datetime

    @property
    def ids(self) -> list[int]:
        return list(self.accounts)


@dataclass(frozen=True)
class Activity:
    """One thing that happened: to a run, or to an account."""

    at: datetime
    lamp: str
    icon: str
    word: str
    account: str
    account_id: int
    run_id: int | None = None
    workflow_id: int | None = None
    workflow: str = ""
    label: str = ""
    text: str = ""
    """Provider text, or what a person wrote."""
    who: str = ""
    ended: datetime | None = None
    """When the run ended, where that was seen only later, at `at`."""
    waits_since: datetime | None = None
    """Since when a question waits that is open now, as the inbox has it."""
    is_waiting_before: bool = False
    """Whether it waits for longer than we know."""


@dataclass(frozen=True)
class ActivityGroup:
    key: str
    title: str
    icon: str
    events: tuple[Activity, ...]
    has_more: bool = False

    def of_workflow(self, pk: int) -> ActivityGroup:
        kept = tuple(event for event in self.events if event.workflow_id == pk)
        return replace(self, events=kept)


Kind = Callable[[Window], Iterable[Activity]]


def groups(window: Window) -> list[ActivityGroup]:
    """Every kind of event in the window, the empty ones too."""
    found = []
    for key, title, icon, kind in GROUPS:
        events = tuple(kind(window)) if window.ids else ()
        found.append(ActivityGroup(key, title, icon, events[:MOST], len(events) > MOST))
    return found


# ------------------------------------------------------------------------------------ of runs


def failed(window: Window) -> list[Activity]:
    return _moves(window, to=PROBLEM_STATUSES)


def canceled(window: Window) -> list[Activity]:
    return _moves(window, to=(Status.CANCELED.value,))


def recovered(window: Window) -> list[Activity]:
    """Runs that left their failure behind, and workflows that failed in the window and whose
    newest finished run is a good one."""
    back = _moves(window, came_from=PROBLEM_STATUSES)
    broken: dict[int, datetime] = {}
    for event in failed(window):
        broken.setdefault(event.workflow_id or 0, event.at)
    ended = list(RATED_STATUSES)
    with connection.cursor() as cursor:
        cursor.execute(_sql("works_again"), [list(broken), ended])
        newest = cursor.fetchall()
    again = [
        Activity(
            at, "done", "tick", "Succeeded again", window.accounts[account].name, account, run,
            workflow, plain(name, 160), plain(label, 160),
        )
        for workflow, run, status, at, account, name, label in newest
        if status not in PROBLEM_STATUSES and at >= broken[workflow]
    ]  # fmt: skip
    return sorted([*back, *again], key=lambda event: event.at, reverse=True)


def _moves(
    window: Window, *, to: tuple[str, ...] = (), came_from: tuple[str, ...] = ()
) -> list[Activity]:
    """Runs by their newest status change of this kind."""
    parameters: dict[str, Any] = {
        "since": window.since, "until": window.until, "ids": window.ids, "to": list(to),
        "from": list(came_from), "scanned": SCANNED, "most": MOST + 1,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_sql("moves"), parameters)
        rows = cursor.fetchall()
    events = []
    for at, status, run, account, workflow, name, label, error, ended in rows:
        view = STATUS_VIEWS[status]
        is_late = ended is not None and at - ended > SEEN_LATE
        events.append(
            Activity(
                at, view.lamp, view.icon, view.word, window.accounts[account].name, account, run,
                workflow, plain(name, 160), plain(label, 160), plain(error, 300) if to else "",
                ended=ended if is_late else None,
            )
        )  # fmt: skip
    return events


# --------------------------------------------------------------------------------- of people


def asked(window: Window) -> list[Activity]:
    rows = (
        Question.objects.filter(seen_at__gt=window.since, seen_at__lte=window.until)
        .filter(Q(closed_at=None) | Q(closed_at__gt=window.since))  # each has its index
        .filter(execution__account_id__in=window.ids)
        .select_related("execution__workflow")
        .order_by("-seen_at", "-pk")[: MOST + 1]
    )
    return [
        _of_run(
            window, row.execution, row.seen_at, lamp, "hand", word,
            text=plain(row.title, 200) or "Input is needed",
            waits_since=row.opened_at if row.closed_at is None else None,
            is_waiting_before=not row.is_opening_reported,
        )
        for row in rows
        for lamp, word in [("needs_you", "Waits") if row.closed_at is None else ("done", "Asked")]
    ]  # fmt: skip


def answered(window: Window) -> list[Activity]:
    """Questions that the provider stopped asking, with who answered here; "" where nobody
    did."""
    rows = list(
        Question.objects.filter(closed_at__gt=window.since, closed_at__lte=window.until)
        .filter(execution__account_id__in=window.ids)
        .select_related("execution__workflow")
        .order_by("-closed_at", "-pk")[: MOST + 1]
    )
    runs = {row.execution_id for row in rows}
    given = Command.objects.filter(kind=Verb.ANSWER.value, execution_id__in=runs)
    by = {
        (run, ref): who
        for run, ref, who in given.exclude(state__in=("rejected", "withdrawn"))
        .order_by("requested_at")
        .values_list("execution_id", "question_ref", "requested_by__username")
    }
    return [
        _of_run(
            window, row.execution, row.closed_at, "done", "tick",
            "Answered" if who else "Answered elsewhere or no longer asked",
            text=plain(row.title, 200), who=who,
        )
        for row in rows
        if row.closed_at
        for who in [by.get((row.execution_id, row.ref)) or ""]
    ]  # fmt: skip


def requested(window: Window) -> list[Activity]:
    """What people asked of runs and workflows, but for answers, which have their own group."""
    rows = (
        Command.objects.filter(requested_at__gt=window.since, requested_at__lte=window.until)
        .filter(account_id__in=window.ids)
        .exclude(kind=Verb.ANSWER.value)
        .select_related("execution__workflow", "workflow", "requested_by")
        .order_by("-requested_at")[: MOST + 1]
    )
    events = []
    for row in rows:
        who = user_name(row.requested_by)
        word = f"{VERBS[row.kind].word} {COMMAND_WORDS.get(row.state, row.state)}"
        lamp, text = COMMAND_LAMPS.get(row.state, "active"), plain(row.reason or row.message, 200)
        if row.execution:
            event = _of_run(
                window, row.execution, row.requested_at, lamp, "send", word, text=text, who=who
            )
        else:
            name = plain(row.workflow.name, 160) if row.workflow else ""
            event = Activity(
                row.requested_at, lamp, "send", word, window.accounts[row.account_id].name,
                row.account_id, None, row.workflow_id, name, "", text, who,
            )  # fmt: skip
        events.append(event)
    return events


def noted(window: Window) -> list[Activity]:
    rows = (
        Note.objects.filter(created_at__gt=window.since, created_at__lte=window.until)
        .filter(account_id__in=window.ids)
        .select_related("execution__workflow", "workflow", "author")
        .order_by("-created_at", "-pk")[: MOST + 1]
    )
    events = []
    for row in rows:
        who = user_name(row.author)
        text = plain(row.text, 300)
        if row.execution:
            event = _of_run(
                window, row.execution, row.created_at, "unknown", "note", "Note", text=text, who=who
            )
        else:
            name = plain(row.workflow.name, 160) if row.workflow else ""
            event = Activity(
                row.created_at, "unknown", "note", "Note", window.accounts[row.account_id].name,
                row.account_id, None, row.workflow_id, name, "", text, who,
            )  # fmt: skip
        events.append(event)
    return events


def _of_run(
    window: Window, run: Execution, at: datetime, lamp: str, icon: str, word: str, **more: Any
) -> Activity:
    return Activity(
        at, lamp, icon, word, window.accounts[run.account_id].name, run.account_id, run.pk,
        run.workflow_id, plain(run.workflow.name, 160), plain(run.label, 160), **more,
    )  # fmt: skip


# ------------------------------------------------------------------------------- of accounts

HEALTH_WORDS = {
    Health.FAILING: ("failed", "blind", "Polls fail"),
    Health.AUTH: ("failed", "key", "Credentials refused"),
    Health.PAUSED: ("unknown", "pause", "Disabled"),
    Health.OK: ("done", "tick", "Can be read again"),
}


def changed_accounts(window: Window) -> list[Activity]:
    """Accounts whose health changed last within the window, and how many polls failed in it."""
    changed = [
        account
        for account in window.accounts.values()
        if window.since < account.health_since <= window.until and account.health in HEALTH_WORDS
    ]
    with connection.cursor() as cursor:
        ids = [account.pk for account in changed]
        cursor.execute(_sql("failed_polls"), [ids, window.since, window.until, POLLS])
        failures = {pk: (number, first, last) for pk, number, first, last in cursor.fetchall()}
    events = []
    for account in changed:
        lamp, icon, word = HEALTH_WORDS[Health(account.health)]
        number, first, last = failures.get(account.pk, (0, None, None))
        if account.health == Health.OK and not number:
            continue  # its first good poll: nothing was broken
        failed_polls = _failed_polls(number, first, last)
        text = f"{plain(account.last_error, 200)} {failed_polls}".strip()
        events.append(
            Activity(account.health_since, lamp, icon, word, account.name, account.pk, text=text)
        )
    return sorted(events, key=lambda event: event.at, reverse=True)


def _failed_polls(number: int, first: datetime | None, last: datetime | None) -> str:
    if not number:
        return ""
    if number == 1:
        return f"1 poll failed, {stamped(last)}."
    return f"{number:,} polls failed, from {stamped(first)} to {stamped(last)}."


GROUPS: tuple[tuple[str, str, str, Kind], ...] = (
    ("failed", "Failed", "cross", failed),
    ("recovered", "Recovered", "tick", recovered),
    ("canceled", "Canceled", "slash", canceled),
    ("asked", "Questions asked", "hand", asked),
    ("answered", "Questions answered or closed", "tick", answered),
    ("commands", "Commands sent by people", "send", requested),
    ("accounts", "Accounts that failed or recovered", "blind", changed_accounts),
    ("notes", "Notes written", "note", noted),
)
