"""Whether a run can be asked to end, to pause or to go on now, and if not, why.

The same words in the preview of a batch and when an item's turn comes.
"""

from __future__ import annotations

from collections.abc import Mapping

from executions.commands.verbs import RUN_VERBS
from executions.display.freshness import blind_sentence
from executions.display.people import DELETED_USER
from executions.display.statuses import STATUS_VIEWS
from executions.models import OPEN_COMMAND_STATES, Command, Execution
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
    if not account.enabled or account.health == Health.PAUSED:
        return "Its account is disabled."
    if account.health == Health.AUTH:
        return "Its provider refuses the stored credentials."
    if account.is_blind:
        return blind_sentence(account)
    if run.pk in under_way:
        return f"Already requested by {under_way[run.pk] or DELETED_USER}."
    return ""


def not_offered(run: Execution, account: ProviderAccount, kind: Verb) -> str:
    """Why the provider does not take this for the run now; "" if it does."""
    words = run.get_status_display()
    try:
        adapter = account.adapter_class
    except KeyError:
        return "Annunciator does not know this provider any more."
    if kind not in adapter.verbs():
        return f"{adapter.name} cannot {kind.value} a run."
    if run.is_final and kind.value not in run.offers:
        return f"It has already ended ({words})."
    if run.is_gone:
        return "It no longer exists at the provider."
    if kind.value not in run.offers:
        word = STATUS_VIEWS[run.status].word
        return f"It cannot be {RUN_VERBS[kind].done} while its status is “{word}”."
    return ""
