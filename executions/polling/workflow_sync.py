"""Keeps the list of workflows that can be started, for providers that list them.

Called by `tasks`, about once an hour per account; pages read the rows.
"""

from __future__ import annotations

from datetime import timedelta

from executions.models import Workflow
from providers.adapter import Adapter
from providers.contract import MAX_NAME, MAX_REF
from providers.models import ProviderAccount, open_account, remember

REFRESH_EVERY = timedelta(hours=1)
MOST = 2000  # workflows of one account


def lists_workflows(account: ProviderAccount) -> bool:
    return account.adapter_class.can(Adapter.workflows)


def refresh_workflows(account: ProviderAccount) -> int:
    """Read the account's workflows and note which can be started; their number.

    Raises the contract's errors. A workflow that is listed no longer keeps its runs and cannot be
    started any more.
    """
    adapter = open_account(account)
    found = {}
    for workflow in adapter.workflows():
        if len(workflow.ref) <= MAX_REF:
            found[workflow.ref] = workflow
        if len(found) >= MOST:
            break
    remember(account, adapter)
    Workflow.objects.bulk_create(
        [
            Workflow(
                account=account,
                ref=workflow.ref,
                name=workflow.name[:MAX_NAME],
                can_start=workflow.can_start,
            )
            for _, workflow in sorted(found.items())  # in the order of `storage.store`
        ],
        update_conflicts=True,
        unique_fields=["account", "ref"],
        update_fields=["name", "can_start"],
    )
    gone = Workflow.objects.filter(account=account, can_start=True).exclude(ref__in=found)
    gone.update(can_start=False)
    return len(found)
