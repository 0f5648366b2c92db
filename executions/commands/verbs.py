"""What a verb is called, looks like, costs and shows as its effect. One line of the table each; a
verb of the contract without one fails when this module is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from executions.models import BATCH_KINDS
from providers.contract import Option, Status, Verb
from providers.models import ProviderAccount


@dataclass(frozen=True)
class VerbView:
    verb: Verb
    word: str
    icon: str


@dataclass(frozen=True)
class RunVerbView(VerbView):
    """A verb that a run has a button for, and that can be asked of many."""

    button: str
    noun: str
    """Of its address and the name of that: `POST /executions/7/cancellation/`."""
    done: str
    """It cannot be `canceled`."""
    cost: str
    cost_of_many: str
    effects: tuple[Status, ...]
    """In any of these a run shows that it was done; none: in any other status than before."""
    is_danger: bool = False
    is_of_ended: bool = False
    """Asked of runs that have ended: before, it has no button."""


_RUN_VERBS = {
    Verb.CANCEL: RunVerbView(
        Verb.CANCEL, "Cancel", "slash", "Cancel run", "cancellation", "canceled",
        "The run ends. This cannot be undone.", "These runs end. This cannot be undone.",
        (Status.CANCELED, Status.FAILED), is_danger=True,
    ),
    Verb.SUSPEND: RunVerbView(
        Verb.SUSPEND, "Suspend", "pause", "Suspend", "suspension", "suspended",
        "The run is put on hold. It can be resumed.",
        "These runs are put on hold. They can be resumed.",
        (Status.PAUSED,),
    ),
    Verb.RESUME: RunVerbView(
        Verb.RESUME, "Resume", "play", "Resume", "resumption", "resumed",
        "The run goes on where it was put on hold.",
        "Runs that were put on hold go on from there.",
        (),
    ),
    Verb.RETRY: RunVerbView(
        Verb.RETRY, "Retry", "retry", "Retry", "retry", "retried",
        "The run is tried again from where it failed, as far as the provider can.",
        "These runs are tried again from where they failed, as far as the provider can.",
        (), is_of_ended=True,
    ),
}  # fmt: skip
_OTHERS = {
    Verb.ANSWER: VerbView(Verb.ANSWER, "Answer", "hand"),
    Verb.START: VerbView(Verb.START, "Start", "play"),
}
RUN_VERBS: Mapping[str, RunVerbView] = {kind.value: _RUN_VERBS[kind] for kind in BATCH_KINDS}
VERBS: Mapping[str, VerbView] = {
    verb.value: _OTHERS.get(verb) or _RUN_VERBS[verb]  # KeyError: a verb without a line above
    for verb in Verb
}


MANY_WORDS = ", ".join(view.word.lower() for view in RUN_VERBS.values())
"""The verbs that can be requested for many runs."""


def options_of(account: ProviderAccount, kind: str) -> tuple[Option, ...]:
    """In which ways the provider of this account carries the verb out; none: in one."""
    try:
        return account.adapter_class.options.get(Verb(kind), ())
    except KeyError:  # a provider that this version does not know
        return ()


def note_of(account: ProviderAccount, kind: str) -> str:
    """What the provider of this account does otherwise with the verb; "" for nothing."""
    try:
        return account.adapter_class.notes.get(Verb(kind), "")
    except KeyError:  # a provider that this version does not know
        return ""
