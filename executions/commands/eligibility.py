"""Whether a run can be asked to end, to pause or to go on now, or a question be answered, and if
not, why.

The same words in the preview of a batch and when an item's turn comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.contrib.auth.models import User

from executions.access.permissions import VIEW_ONLY
from executions.commands.verbs import RUN_VERBS
from executions.display.formatting import stamped
from executions.display.freshness import blind_sentence
from executions.display.people import DELETED_USER
from executions.display.statuses import STATUS_VIEWS
from executions.models import (
    OPEN_COMMAND_STATES,
    Command,
    Execution,
    Proposal,
    ProposalState,
    Question,
    WorkflowProfile,
)
from providers.contract import Verb
from providers.models import Health, ProviderAccount


def assessed(
    ids: list[int], kind: Verb, accounts: Mapping[int, ProviderAccount]
) -> list[tuple[Execution, str]]:
    """These runs in this order, each with the reason why it cannot be asked now, "" if it can.
    Two queries."""
    needed = ("account_id", "status", "offers", "missing_since", "misses")
    runs = Execution.objects.only(*needed).in_bulk(ids)
    opened = Command.objects.filter(
        account_id__in={run.account_id for run in runs.values()},
        kind=kind.value,
        state__in=OPEN_COMMAND_STATES,
    )
    under_way = dict(opened.values_list("execution_id", "requested_by__username"))
    return [
        (run, why_not(run, accounts[run.account_id], kind, under_way))
        for pk in ids
        if (run := runs.get(pk)) is not None and run.account_id in accounts
    ]


def why_not(
    run: Execution,
    account: ProviderAccount,
    kind: Verb,
    under_way: Mapping[int, str],
) -> str:
    """Why this cannot be asked of the run now; "" if it can. `under_way`: who asked the same
    before and has no answer yet, by run."""
    if why := not_offered(run, account, kind):
        return why
    if why := _account_in_the_way(account):
        return why
    if run.pk in under_way:
        return f"Already requested by {under_way[run.pk] or DELETED_USER}."
    return ""


def answers_under_way(ids: Iterable[int]) -> dict[int, str]:
    """Who has answered these questions without an end of it yet, by question. One query."""
    targets = {f"question:{pk}": pk for pk in ids}
    opened = Command.objects.filter(
        target__in=list(targets), kind=Verb.ANSWER.value, state__in=OPEN_COMMAND_STATES
    )
    rows = opened.values_list("target", "requested_by__username")
    return {targets[target]: name or DELETED_USER for target, name in rows}


def why_not_answered(
    question: Question, account: ProviderAccount, under_way: Mapping[int, str], user: User | None
) -> str:
    """Why this person cannot answer it along with others now; "" if they can. A colleague who is
    on a question locks nobody out of it, but is asked first."""
    if question.closed_at is not None:
        return "It is no longer asked."
    if not question.is_answerable:
        return "It can only be answered at the provider."
    if why := _account_in_the_way(account):
        return why
    if question.pk in under_way:
        return f"Already answered by {under_way[question.pk]}."
    if needs_two(question):
        return "It needs a second person: answer it on its own."
    holder = question.claimed_by
    if holder is not None and holder != user:
        who, since = holder.get_username(), stamped(question.claimed_at)
        return f"{who} is on it since {since}. Answer it on its own, or take it over first."
    return ""


def needs_two(question: Question) -> bool:
    """Whether its workflow asks for a second person, or one has been asked for already."""
    flow = question.execution.workflow_id
    is_set = WorkflowProfile.objects.filter(pk=flow, needs_two=True).exists()
    return is_set or held_proposal(question) is not None


def held_proposal(question: Question) -> Proposal | None:
    """What waits for a second person, of this asking."""
    held = Proposal.objects.filter(
        question=question, state=ProposalState.HELD, requested_at__gte=question.seen_at
    )
    return held.select_related("requested_by").first()


def _account_in_the_way(account: ProviderAccount) -> str:
    if account.is_view_only:
        return VIEW_ONLY
    if not account.enabled or account.health == Health.PAUSED:
        return "Its account is disabled."
    if account.health == Health.AUTH:
        return "Its provider refuses the stored credentials."
    return blind_sentence(account) if account.is_blind else ""


def not_offered(run: Execution, account: ProviderAccount, kind: Verb) -> str:
    """Why the provider does not take this for the run now; "" if it does."""
    words = run.get_status_display()
    try:
        adapter = account.adapter_class
    except KeyError:
        return "Annunciator does not know this provider any more."
    if kind not in adapter.verbs():
        return f"{adapter.name} cannot {kind.value} a run."
    if run.is_final and kind.value not in run.offers and not RUN_VERBS[kind].is_of_ended:
        return f"It has already ended ({words})."
    if run.is_gone:
        return "It no longer exists at the provider."
    if kind.value not in run.offers:
        word = STATUS_VIEWS[run.status].word
        return f"It cannot be {RUN_VERBS[kind].done} while its status is “{word}”."
    return ""
