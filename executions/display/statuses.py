"""How pages show a status and a lamp: words, icon, advice, what is worse.

A status of the contract without a line of the table fails when this module is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from providers.contract import Lamp, Status

LAMP_WORDS: Mapping[Lamp, str] = {
    Lamp.NEEDS_YOU: "needs you",
    Lamp.FAILED: "failed",
    Lamp.WARNING: "warning",
    Lamp.ACTIVE: "active",
    Lamp.DONE: "done",
    Lamp.UNKNOWN: "unknown",
}
LAMP_ICONS: Mapping[Lamp, str] = {
    Lamp.NEEDS_YOU: "hand",
    Lamp.FAILED: "cross",
    Lamp.WARNING: "triangle",
    Lamp.ACTIVE: "ring",
    Lamp.DONE: "tick",
    Lamp.UNKNOWN: "question",
}


@dataclass(frozen=True)
class StatusView:
    """A status as every place shows it: icon, word and colour of its lamp."""

    status: Status
    word: str
    past: str
    """Of a run that is no longer seen."""
    spent: str
    """Of the time in it, `waited` 2 h; empty where no time is given."""
    icon: str
    advice: str
    """What a person does about it."""

    @property
    def lamp(self) -> str:
        return self.status.lamp.value

    @property
    def meaning(self) -> str:
        return self.status.meaning


# Worst first: several steps under one row show the first of these that one of them is in.
_WORST_FIRST = (
    StatusView(
        Status.USER_INPUT, "Needs you", "Needed you", "waited for a person", "hand",
        "Open it and answer, or press I’m on it so that others know.",
    ),
    StatusView(
        Status.FAILED, "Failed", "Failed", "", "cross",
        "Read the error and the first failed step, fix the cause, then run it again.",
    ),
    StatusView(
        Status.TIMED_OUT, "Timed out", "Timed out", "", "alarm",
        "Find the step where it hung, then run it again. If it happens often, change the time "
        "limit or the workflow at the provider.",
    ),
    StatusView(
        Status.RUNNING, "Running", "Was running", "ran", "ring",
        "Nothing. If it takes much longer than usual, read its log or cancel it.",
    ),
    StatusView(
        Status.WAITING, "Waiting", "Was waiting", "waited", "hourglass",
        "Nothing here. Its steps show what it waits for.",
    ),
    StatusView(
        Status.PAUSED, "Paused", "Was paused", "was paused", "pause",
        "Resume it when the reason for the pause is gone, or cancel it.",
    ),
    StatusView(
        Status.UNKNOWN, "Unknown", "Was unknown", "", "question",
        "Open it at the provider. If the provider uses a new status, tell an administrator of this "
        "site.",
    ),
    StatusView(
        Status.WARNING, "Warning", "Warning", "", "triangle",
        "Read what it says: the result may be incomplete.",
    ),
    StatusView(
        Status.QUEUED, "Queued", "Was queued", "queued", "clock",
        "Wait. If it stays queued for long, check whether the provider has free workers.",
    ),
    StatusView(
        Status.CANCELED, "Canceled", "Canceled", "", "slash",
        "Nothing. If it was canceled here, its history shows by whom.",
    ),
    StatusView(Status.SUCCEEDED, "Succeeded", "Succeeded", "", "tick", "Nothing."),
    StatusView(
        Status.SKIPPED, "Skipped", "Skipped", "", "skip",
        "Nothing, if it was not expected to do anything.",
    ),
)  # fmt: skip
WORST_FIRST: tuple[str, ...] = tuple(view.status.value for view in _WORST_FIRST)
_BY_STATUS = {view.status: view for view in _WORST_FIRST}
STATUS_VIEWS: Mapping[str, StatusView] = {
    status.value: _BY_STATUS[status] for status in Status  # KeyError: a status without a line above
}  # fmt: skip
