"""Doors for workers: fetch the row, call one stage, done. Arguments are ids only.

Every task may run twice, late or never: rows decide, and the tick and the sweep find what a lost
message left lying.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore

from executions import database_clock
from executions.audit import incremental_verification
from executions.bulk import runner as batch_runner
from executions.commands import dispatch, reconciliation
from executions.errors import acts as error_acts
from executions.live import publish
from executions.live.wake_workers import has_room
from executions.models import Command, CommandState, ExecutionDetail, Rank
from executions.notifications import compose, delivery, evaluation
from executions.polling import (
    log_fetcher,
    poller,
    read_queue,
    read_queue_worker,
    schedule,
    workflow_sync,
)
from executions.storage import (
    key_backfill,
    retention,
    settled_by_success,
    telling_values,
    typical_durations,
)
from providers.contract import NotFound, ProviderError, Verb
from providers.models import ProviderAccount
from providers.sealing import SealError

ANNOUNCED_FOR = 5  # seconds that a message to send a command has before it is taken for lost
log = logging.getLogger(__name__)
Expected = (ProviderError, SealError)


@shared_task(ignore_result=True)
def tick() -> None:
    """Once a second: claim due accounts, one poll each; nudge readings, commands and batches that
    wait."""
    if has_room("poll"):
        for account_id, poll_seq in schedule.claim_due():
            poll.delay(account_id, poll_seq)
        for account_id in read_queue.due_accounts():
            read_due.delay(account_id)
    if has_room("command"):
        for key in reconciliation.due_commands():
            if publish.is_first(f"carry-out:{key}", ANNOUNCED_FOR):
                carry_out.delay(key)
        if batch_runner.has_work():
            advance_batches.delay()


@shared_task(ignore_result=True)
def advance_batches() -> None:
    """Items of batches become commands where there is room, and follow those they became."""
    batch_runner.advance()


@shared_task(ignore_result=True)
def poll(account_id: int, poll_seq: int) -> None:
    """One poll of one account and the settling of its commands; asks for the logs of what
    changed."""
    tally = poller.poll(account_id, poll_seq)
    if tally is None:
        return
    reconciliation.confirm_observed(account_id)
    if tally.changed_ids:
        typical_durations.measure(tally.changed_ids)
        telling_values.learn(tally.changed_ids)
    account = ProviderAccount.objects.get(pk=account_id)
    if workflow_sync.lists_workflows(account) and publish.is_first(
        f"workflows:{account.pk}:{account.revision}",
        int(workflow_sync.REFRESH_EVERY.total_seconds()),
    ):
        list_workflows.delay(account.pk)
    if tally.changed_ids and log_fetcher.offers_logs(account):
        changed = ExecutionDetail.objects.filter(pk__in=tally.changed_ids, log_is_complete=False)
        read_queue.ask(list(changed.values_list("pk", flat=True)), Rank.POLL, run=False)


@shared_task(ignore_result=True)
def list_workflows(account_id: int) -> None:
    """Read which workflows the account can start."""
    account = ProviderAccount.objects.filter(pk=account_id, enabled=True).first()
    if account is not None:
        try:
            workflow_sync.refresh_workflows(account)
        except Expected as error:
            log.info("workflows of %s not read: %s", account, error)


@shared_task(ignore_result=True)
def carry_out(key: str) -> None:
    """Send one command and read its run at once."""
    command = dispatch.claim(key)
    if command is None:
        return
    dispatch.send(command)
    command.refresh_from_db()
    if command.state == CommandState.PENDING or command.not_before > database_clock.now():
        return
    _read_after(command)


@shared_task(ignore_result=True)
def read_due(account_id: int) -> None:
    """Runs of this account that pages, polls or its history want read."""
    read_queue_worker.work(account_id)


@shared_task(ignore_result=True)
def read_ref(account_id: int, ref: str) -> None:
    """A hint or a start named this run: read it, known or not."""
    account = ProviderAccount.objects.filter(pk=account_id, enabled=True).first()
    if account is not None:
        try:
            _read_ref(account, ref)
        except Expected as error:  # the next poll comes anyway
            log.info("run named by a hint of %s not read: %s", account, error)
            return
        reconciliation.confirm_observed(account_id, [ref])


@shared_task(ignore_result=True)
def sweep() -> None:
    """Every few seconds: accounts of dead pollers and readers are free again; dead senders become
    unknown, unknown ones are settled by reading; stored runs are looked through for keys; errors in
    hand or ignored, and ignored runs, whose time is over are unresolved again."""
    schedule.release_dead()
    read_queue.release_dead()
    reconciliation.expire_leases()
    for key in reconciliation.unsettled():
        reconcile.delay(key)
    for account_id in key_backfill.due():
        find_keys.delay(account_id)
    error_acts.settle()
    settled_by_success.sweep()
    telling_values.carry_on()


@shared_task(ignore_result=True)
def find_keys(account_id: int) -> None:
    """A slice of looking through stored runs by changed rules."""
    key_backfill.carry_on(account_id)


@shared_task(ignore_result=True)
def notify() -> None:
    """Every few seconds: notice what rules are about, write messages, have them sent."""
    evaluation.look()
    compose.write_messages()
    delivery.expire_leases()
    for rule_id, target in delivery.due_targets():
        deliver.delay(rule_id, target)


@shared_task(ignore_result=True)
def deliver(rule_id: int, target: str) -> None:
    """Send what waits for one address."""
    delivery.deliver(rule_id, target)


@shared_task(ignore_result=True)
def reconcile(key: str) -> None:
    """Read what an unknown or unconfirmed command was about, then settle it."""
    command = (
        Command.objects.select_related(
            "account", "execution__account", "execution__workflow", "workflow"
        )
        .filter(pk=key, state__in=reconciliation.WATCHED)
        .first()
    )
    if command is None or not dispatch.take_turn(command):
        return
    is_unknown = command.state == CommandState.UNKNOWN
    if (command.kind == Verb.START or (command.kind == Verb.RETRY and is_unknown)) and (
        not command.new_ref
    ):
        try:
            reconciliation.find_started(command)
        except Expected as error:
            log.info("command %s not settled: %s", key, error)
            return
    if not _read_after(command) or reconciliation.confirm(command):
        return
    if command.state == CommandState.ACCEPTED:
        reconciliation.give_up_on(command)
    elif command.kind != Verb.START:
        reconciliation.resend_or_ask(command)


@shared_task(ignore_result=True)
def tidy() -> None:
    """Once an hour: partitions, retention, counters, old messages, sessions that are over; whether
    the audit log is as it was written."""
    gone = {
        **retention.tidy(),
        "notices": evaluation.tidy(),
        "messages": delivery.tidy(),
    }
    SessionStore.clear_expired()
    log.info("tidied: %s", gone)
    incremental_verification.carry_on()


def _read_after(command: Command) -> bool:
    """Read the run a command was about and settle what that shows. False: could not be read."""
    refs = [command.new_ref] if command.new_ref else []
    try:
        if command.execution is not None:
            refs.append(command.execution.ref)
            poller.refresh(command.execution)
        if command.new_ref:
            _read_ref(command.account, command.new_ref)
    except Expected as error:
        log.info("run of command %s not read: %s", command.pk, error)
        return False
    reconciliation.confirm_observed(command.account_id, refs)
    command.refresh_from_db()
    return command.state in reconciliation.WATCHED


def _read_ref(account: ProviderAccount, ref: str) -> None:
    with suppress(NotFound):
        poller.read_now(account, ref)
