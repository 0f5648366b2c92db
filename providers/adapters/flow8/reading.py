"""flow8 responses to contract values: pure functions.

"seed" is https://flow8-docs.pages.dev/developer/flows/execution; other addresses are below
https://flow8-docs.pages.dev/developer/. Read November 2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from providers.contract import (
    BadResponse,
    Choice,
    Question,
    Snapshot,
    Status,
    Step,
    Verb,
    Workflow,
    native_key,
)
from providers.http import parse_json
from providers.times import read_time

STATUSES = {
    "new": (Status.QUEUED, ""),
    "run": (Status.RUNNING, ""),
    "done": (Status.SUCCEEDED, ""),
    "fail": (Status.FAILED, ""),  # a step's timeout ends here too; the state does not say so
    "skip": (Status.SKIPPED, ""),
    "filtered": (Status.SKIPPED, "filtered"),
    "deferred": (Status.QUEUED, "deferred"),
    "wait": (Status.WAITING, ""),  # an approval or an outside event: `decide` finds out
    "onhold": (Status.PAUSED, ""),
    "queued": (Status.QUEUED, ""),  # no state of plays, but what channels answer
}
OPEN_STATES = ("WAIT", "RUN", "NEW", "DEFERRED", "ON_HOLD")
DECISIONS = (
    Choice(value="approved", label="Approve"),
    Choice(value="declined", label="Decline", is_danger=True),
)

Layers = Mapping[str, Mapping[str, Any]]  # of a flow, by the step's ref


def hinted_play(message: str) -> str:
    """The play an event of the push channel speaks of, "" if none (api/websocket)."""
    try:
        event = parse_json(message.encode())
    except (ValueError, RecursionError):
        return ""
    play = event.get("playId") if isinstance(event, dict) else None
    return play if isinstance(play, str) else ""


def who(me: Any) -> str:
    """The answer of `auth/me` is undocumented."""
    known = me.get("user") if isinstance(me, dict) and isinstance(me.get("user"), dict) else me
    if not isinstance(known, dict):
        return "a flow8 user"
    return str(
        next((known[k] for k in ("email", "name", "userId", "id") if known.get(k)), "a user")
    )


# ----------------------------------------------------------------------------------------- plays


def read_row(play: Mapping[str, Any], workflow: Workflow) -> Snapshot:
    status, reason = decide(play.get("state"), None, None)
    needs_detail = native_key(play.get("state")) == "wait"
    error = _text(play.get("error")) if status is Status.FAILED else ""
    return _snapshot(play["id"], play, workflow, status, reason, error, needs_detail=needs_detail)


def read_play(
    ref: str,
    play: Mapping[str, Any],
    workflow: Workflow,
    layers: Sequence[Any] | None,
    flow: Layers | None,
) -> Snapshot:
    """A play with its layers. None: not readable now, so steps and questions are "not asked" and
    what is stored of them stays."""
    if not play["id"]:
        raise BadResponse("flow8 sent a play without its id.")
    status, reason = decide(play.get("state"), layers, flow)
    if layers is None:
        return _snapshot(ref, play, workflow, status, reason, _text(play.get("error")), outputs=())
    asks = status is Status.USER_INPUT
    questions = tuple(_question(x, flow) for x in layers if asks and _wants_approval(x, flow))
    steps = tuple(_step(layer, flow) for layer in in_order(layers, flow))
    error = _play_error(play, steps) if status is Status.FAILED else ""
    return _snapshot(
        ref,
        play,
        workflow,
        status,
        reason,
        error,
        steps=steps,
        questions=questions,
        outputs=(),  # a step's `out` is its output; there are no files
        offers=frozenset({Verb.ANSWER}) if questions else frozenset(),
    )


def decide(word: Any, layers: Sequence[Any] | None, flow: Layers | None) -> tuple[Status, str]:
    """Status and reason of a play. WAIT is either an approval or an outside event (seed)."""
    if native_key(word) != "wait" or layers is None:
        return STATUSES.get(native_key(word), (Status.UNKNOWN, "unrecognized"))
    if any(_wants_approval(layer, flow) for layer in layers):
        return Status.USER_INPUT, "approval"
    return Status.WAITING, "event" if any(map(_is_waiting, layers)) else ""


def waiting_refs(layers: Iterable[Any]) -> list[str]:
    return [layer["ref"] for layer in layers if _is_waiting(layer)]


def in_order(layers: Sequence[Any], flow: Layers | None) -> list[Any]:
    """By the flow's index (equal ones run in parallel), then by start; as sent if unknown."""
    if flow is None:
        return list(layers)

    def place(layer: Any) -> tuple[float, str]:
        index = flow.get(layer["ref"], {}).get("index")
        return (
            index if isinstance(index, int | float) else float("inf"),
            layer.get("startedAt") or "~",
        )

    return sorted(layers, key=place)


def _is_waiting(layer: Mapping[str, Any]) -> bool:
    return native_key(layer.get("state")) == "wait"


def _wants_approval(layer: Mapping[str, Any], flow: Layers | None) -> bool:
    """A waiting step of a flow that is unreadable or was edited counts as an approval: a hidden
    approval is worse than a superfluous notice."""
    if not _is_waiting(layer):
        return False
    known = flow.get(layer["ref"]) if flow is not None else None
    return known is None or bool(known["approval"])


def _question(layer: Mapping[str, Any], flow: Layers | None) -> Question:
    """Which id the answer wants as `layerId` is undocumented; a field of that name on the waiting
    layer is the best guess and rides along in the ref (api/executions)."""
    named = layer.get("layerId") or layer.get("flowletId")
    ref = f"{layer['id']}/{named}" if named else str(layer["id"])
    name = _name(layer, flow)
    title = f"{name}?" if name.lower().startswith("approve ") else f"Approve “{name}”?"
    asked_at = read_time(layer.get("startedAt"))
    return Question(ref=ref, kind="approval", title=title, choices=DECISIONS, asked_at=asked_at)


def _step(layer: Mapping[str, Any], flow: Layers | None) -> Step:
    word = layer.get("state")
    status, reason = STATUSES.get(native_key(word), (Status.UNKNOWN, "unrecognized"))
    if status is Status.WAITING:
        asks = _wants_approval(layer, flow)
        status, reason = (Status.USER_INPUT, "approval") if asks else (Status.WAITING, "event")
    return Step(
        ref=str(layer.get("id") or layer["ref"]),
        name=_name(layer, flow),
        status=status,
        native_status=_verbatim(word),
        status_reason=reason,
        started_at=read_time(layer.get("startedAt")),
        finished_at=read_time(layer.get("completedAt")),
        error=_text(layer.get("error")) if status is Status.FAILED else "",
        output=layer.get("out"),
    )


def _name(layer: Mapping[str, Any], flow: Layers | None) -> str:
    known = (flow or {}).get(layer["ref"])
    return str(known["name"] if known else layer["ref"])


def _play_error(play: Mapping[str, Any], steps: Iterable[Step]) -> str:
    """No error text is documented on a play; its failed steps have one."""
    failed = [step for step in steps if step.status is Status.FAILED]
    lines = [f"{s.name}: {s.error}" if s.error else f"Step {s.name} failed." for s in failed]
    return "\n".join(lines) or _text(play.get("error"))


def _snapshot(
    ref: str,
    play: Mapping[str, Any],
    workflow: Workflow,
    status: Status,
    reason: str,
    error: str,
    **more: Any,
) -> Snapshot:
    return Snapshot(
        ref=ref,
        workflow=workflow,
        status=status,
        native_status=_verbatim(play.get("state")),
        status_reason=reason,
        error=error,
        started_at=read_time(play.get("startedAt")),
        finished_at=_ended_at(play) if status.is_final else None,
        input=play.get("args"),
        raw=dict(play),
        **more,
    )


def _ended_at(play: Mapping[str, Any]) -> datetime | None:
    """`completedAt` is the time of a good end; a failed play may lack it. `duration` is in
    milliseconds (seed)."""
    started = read_time(play.get("startedAt"))
    ended = read_time(play.get("completedAt")) or read_time(play.get("failedAt"))
    duration = play.get("duration")
    if ended is None and started is not None and isinstance(duration, int | float):
        return started + timedelta(milliseconds=duration)
    return ended


def _text(error: Any) -> str:
    if isinstance(error, dict):
        error = error.get("message") or error.get("error") or error
    return "" if error is None else str(error)


def _verbatim(word: Any) -> str:
    return word if isinstance(word, str) else "" if word is None else str(word)
