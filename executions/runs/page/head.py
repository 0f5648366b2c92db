"""The head of a run's page: what it is, how it stands, why it failed, what may be asked of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser, User
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from executions.access.permissions import may_act
from executions.commands import display as command_display
from executions.commands.eligibility import not_offered
from executions.commands.verbs import RUN_VERBS, note_of, options_of
from executions.display.formatting import duration, iso
from executions.display.freshness import freshness, is_last_seen
from executions.display.people import monogram
from executions.display.statuses import STATUS_VIEWS, StatusView
from executions.models import (
    Execution,
    ExecutionDetail,
    Quarantine,
    RunLabel,
    short_ref_of,
)
from executions.payloads.text_escaping import plain
from executions.runs.page import person_waits, related
from executions.runs.page.steps import failed_step
from executions.search.filters import provider_name
from executions.triage.display import Standing, standing_of
from executions.triage.form_choices import ignore_for
from providers import registry
from providers.contract import Lamp, Status, Verb

MAX_ERROR = 20_000  # characters of an error on the page
LINES = 6  # of an error that are shown at once
LONG_TITLE = 300  # characters of its first line
LONG_START = 1200  # characters of the other lines that are shown at once
ALSO: Mapping[Status, set[str]] = {
    Status.FAILED: {"failed", "fail", "failure", "error"},
    Status.SUCCEEDED: {"succeeded", "success", "completed", "complete", "finished", "done", "ok"},
    Status.SKIPPED: {"skipped", "skip"},
    Status.CANCELED: {"canceled", "cancelled"},
}
"""Words of providers that say no more than our status does."""
UNDONE_BY: Mapping[str, set[str]] = {Verb.RESUME: {Verb.SUSPEND}, Verb.SUSPEND: {Verb.RESUME}}


def _why_unread(run: Execution) -> str:
    """What stood in the way when a poll wanted to read this run, "" if nothing does."""
    if run.missing_since is None:
        return ""
    rows = Quarantine.objects.filter(account_id=run.account_id, ref=run.ref)
    reason = plain(rows.values_list("reason", flat=True).first() or "")
    return reason or "The provider’s data about it could not be read."


def head_of(request: HttpRequest, run: Execution) -> dict[str, Any]:
    """Status, times, error and where the data comes from."""
    fresh = freshness(run.account, timezone.now())
    status = STATUS_VIEWS[run.status]
    columns = ("error", "read_at", "attempt", "is_altered", "fingerprint")
    found = ExecutionDetail.objects.filter(pk=run.pk).values(*columns).first()
    detail: dict[str, Any] = dict(found or {})
    is_final = status.status.is_final
    is_old = is_last_seen(run, fresh)
    now = timezone.now()
    took = since = so_far = ""
    if run.started_at and run.finished_at:
        took = duration((run.finished_at - run.started_at).total_seconds())
    elif run.started_at and not is_final and not is_old:
        since, so_far = iso(run.started_at), duration((now - run.started_at).total_seconds())
    asked = person_waits.waited(run, run.finished_at or (run.observed_at if is_old else now))
    asks = {wait.title for wait in person_waits.waits_of(run) if not wait.end}
    message = plain(run.message)  # often the title of the question that stands below it
    standing = standing_of(run)
    error = plain(detail.get("error") or run.error_summary, MAX_ERROR)
    return {
        "run": run,
        "status": status,
        "fresh": fresh,
        "is_blind": fresh.is_stale,
        "is_unread": not detail.get("fingerprint"),
        "title": plain(run.workflow.name) or "(no name)",
        "values": [plain(each) for each in run.telling_values] or [plain(run.label)],
        "standing": standing,
        "look": _look(status, standing, is_old=is_old),
        "mark": monogram(provider_name(run.account.provider)),
        "ignore_for": ignore_for(),
        "ref": plain(run.ref),
        "short_ref": plain(short_ref_of(run.ref)),
        "native": _native(run, status),
        "reason": plain(run.status_reason),
        "error": error,
        "error_parts": error_parts(error),
        "error_step": failed_step(run),
        "attempt": attempt if (attempt := detail.get("attempt", 0)) > 1 else 0,
        "usual": related.usual(run),
        "parent": related.parent_of(run),
        "message": "" if message in asks else message,
        "is_altered": detail.get("is_altered", False),
        "progress": None if is_final else run.progress,
        "created": run.created_at,
        "queued_for": _queued_for(run),
        "labels": labels_of(run),
        "started": run.started_at,
        "finished": run.finished_at,
        "took": took,
        "since": since,
        "so_far": so_far,
        "waited": duration(asked) if asked >= 1 else "",
        "changed": run.changed_at,
        "changed_before": not run.is_change_reported,
        "read_at": detail.get("read_at") or run.observed_at,
        "missing_since": run.missing_since,
        "unread_because": "" if run.is_gone else _why_unread(run),
        "is_old": is_old,
        "commands": [command_display.command_view(row) for row in command_display.open_rows(run)],
        "can_run_again": run.workflow.can_start and may_act(request.user, run.account_id),
        "link": run.url if run.url.startswith(("http://", "https://")) else "",
    }


def _queued_for(run: Execution) -> str:
    """How long it waited for its start, where the provider says when it took the run on."""
    if run.created_at is None or run.started_at is None:
        return ""
    seconds = (run.started_at - run.created_at).total_seconds()
    return duration(seconds) if seconds >= 1 else ""


def label_texts() -> ArraySubquery:
    """The labels of a run, to be read along with it."""
    mine = RunLabel.objects.filter(execution=OuterRef("pk")).order_by("text")
    return ArraySubquery(mine.values("text"))


def labels_of(run: Any) -> list[dict[str, str]]:
    """Each with the list of the runs that have it. The run comes with its `label_texts`."""
    return [
        {"text": plain(text), "href": f"{reverse('executions:list')}?{urlencode({'label': text})}"}
        for text in run.label_texts
    ]


def _look(status: StatusView, standing: Standing | None, *, is_old: bool) -> str:
    """`lit` where somebody must look, `held` where somebody is on it, else a plain mark."""
    if standing is not None:
        return {"unresolved": "lit", "in_hand": "held"}.get(standing.state, "")
    return "lit" if status.lamp == Lamp.NEEDS_YOU and not is_old else ""


def _native(run: Execution, status: StatusView) -> str:
    """The provider's own word, where it says more than ours."""
    native = plain(run.native_status)
    return "" if native.casefold() in ALSO.get(status.status, {status.word.casefold()}) else native


def error_parts(text: str) -> dict[str, Any] | None:
    """An error as it is shown: its first line, the beginning of the others, and the rest."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    if not lines:
        return None
    title, more = lines[0], ""
    if len(title) > LONG_TITLE:
        title, more = title[:LONG_TITLE], title[LONG_TITLE:]
    others = ([more] if more else []) + lines[1:]
    start = "\n".join(others[: LINES - 1])
    rest = "\n".join(others[LINES - 1 :])
    if len(start) > LONG_START:
        start, rest = start[:LONG_START], f"{start[LONG_START:]}\n{rest}".rstrip("\n")
    return {"title": title, "start": start, "rest": rest, "lines": len(lines)}


def verbs_of(user: User | AnonymousUser, run: Execution) -> list[dict[str, Any]]:
    """The buttons: what the provider takes for this run now, and what is already under way."""
    if not may_act(user, run.account_id):
        return []
    is_unstarted = run.status == Status.QUEUED  # what resumes it then is in the provider's note
    shown = []
    for word, view in RUN_VERBS.items():
        open_now = [row for row in command_display.open_rows(run) if row.kind == word]
        command = open_now[0] if open_now else None
        under_way = {row.target.partition(":")[2].partition(":")[2] for row in open_now}
        options = [
            each
            for place, each in enumerate(options_of(run.account, word))
            if (each.value if place else "") not in under_way
        ]
        is_offered = word in run.offers and not run.is_gone
        if not is_offered and command is None:
            continue
        shown.append(
            {
                "verb": word,
                "label": view.button,
                "icon": view.icon,
                "url": reverse(f"executions:{view.noun}", args=[run.pk]),
                "note": note_of(run.account, word),
                "consequence": "" if is_unstarted and word == Verb.RESUME else view.cost,
                "is_danger": view.is_danger,
                "options": options,
                "blocked": command_display.sentence(command)
                if command and not (options and is_offered)
                else "",
                "key": str(uuid.uuid4()),
            }
        )
    return shown


def actions_of(request: HttpRequest, run: Execution, *, is_open: bool = False) -> dict[str, Any]:
    """The buttons of what the provider takes at all. What is not possible now is off and says why;
    the place of what would undo another one stays empty, so that no button comes to stand there, as
    do those of a run that ends while its page `is_open`."""
    verbs = verbs_of(request.user, run)
    offered = {each["verb"]: each for each in verbs}
    adapter = registry.all_adapters().get(run.account.provider)
    able = adapter.verbs() if adapter and may_act(request.user, run.account_id) else frozenset()
    places: list[dict[str, Any]] = []
    for word, view in RUN_VERBS.items():
        if word in offered:
            places.append(offered[word])
        elif view.is_of_ended or (word in able and run.is_final and not is_open):
            continue
        elif word in able and (run.is_final or offered.keys() & UNDONE_BY.get(word, set())):
            places.append({"label": view.button, "icon": view.icon, "is_absent": True})
        elif word in able:
            why = not_offered(run, run.account, view.verb)
            places.append({"verb": word, "label": view.button, "icon": view.icon, "blocked": why,
                           "is_danger": view.is_danger})  # fmt: skip
    return {"verbs": verbs, "places": places, "cannot": _cannot(request.user, run)}


def _cannot(user: User | AnonymousUser, run: Execution) -> str:
    """What the provider has no way to do with such a run, in one sentence; "" for nothing that
    somebody would look for now."""
    adapter = registry.all_adapters().get(run.account.provider)
    if adapter is None or not may_act(user, run.account_id):
        return ""
    if run.is_final and not (Status(run.status).is_resolvable or run.status == Status.CANCELED):
        return ""
    missing = [
        view.word.lower()
        for view in RUN_VERBS.values()
        if view.is_of_ended is run.is_final
        and view.verb not in adapter.verbs()
        and view.verb.value not in run.offers
    ]
    if not missing:
        return ""
    *most, last = missing
    words = f"{', '.join(most)} or {last}" if most else last
    if missing == ["retry"] and Verb.START in adapter.verbs():
        return f"{adapter.name} cannot retry this run. Run again starts a new one."
    return f"{adapter.name} cannot {words} a run."
