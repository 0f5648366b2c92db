"""What people asked of the runs of `morning`: answers, commands, batches. Nothing of it is sent."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from executions.bulk import batch_lifecycle as batching
from executions.commands import sealed_arguments
from executions.models import Batch, BatchItem, Command, Execution, Question

TOMORROW = timedelta(days=1)


def command(run: Execution, by: User, kind: str, ago: float, **more: Any) -> Command:
    at = timezone.now() - timedelta(minutes=ago)
    given = {"state": "confirmed", "settled_at": at + timedelta(seconds=6), **more}
    return Command(
        kind=kind, account=run.account, execution=run, target=f"run:{run.pk}", requested_by=by,
        requested_at=at, not_before=timezone.now() + TOMORROW, sent_at=at, **given,
    )  # fmt: skip


def answers(runs: dict[str, Execution], ana: User, admin: User, now: datetime) -> Question:
    """Questions of ended runs, answered here within minutes to hours."""
    made = []
    ended = Execution.objects.filter(
        workflow__name__in=("Invoice approval over 10,000", "New supplier onboarding"),
        status="succeeded",
    ).select_related("account")
    for n, run in enumerate([runs["clm-4709"], *ended[:24]]):
        opened = (run.started_at or now) + timedelta(minutes=2)
        title = "Decide on claim 4709" if not n else f"Release {run.name}?"
        closed, by = opened + timedelta(minutes=6 + n * n % 70), (ana, admin)[n % 3 == 1]
        question = Question.objects.create(
            execution=run, ref="answered", kind="approval", title=title, opened_at=opened,
            claimed_by=by, claimed_at=opened + timedelta(minutes=3),
            first_claimed_at=opened + timedelta(minutes=3), closed_at=closed, answered_by=by,
            choices=[{"value": "yes", "label": "Accept", "is_danger": False}],
        )  # fmt: skip
        ago = (now - closed).total_seconds() / 60
        message = "The question is closed at the provider."
        answer = command(run, by, "answer", ago, question_ref="answered", message=message)
        values = {"choice": "yes", "note": "Photos are clear, estimate is fine" if not n else ""}
        sealed_arguments.seal(answer, {"values": values})
        answer.save()
        made.append(question)
    return made[0]


def commands(runs: dict[str, Execution], ana: User, now: datetime) -> Command:
    command(runs["clm-4710"], ana, "cancel", 61, reason="Reported twice").save()
    command(runs["rem-77"], ana, "suspend", 30, reason="The template has a wrong date").save()
    command(runs["po-9028"], ana, "cancel", 13.5, state="rejected",
             message="The run has ended already.").save()  # fmt: skip
    done = runs["clm-4709"]
    started = command(done, ana, "start", 75, new_ref=done.ref, message="The run was seen.")
    started.target, started.workflow = f"start:{started.pk}", done.workflow
    sealed_arguments.seal(started, {"values": {"claim": 4709, "kind": "water"}})
    started.save()
    return started


def batches(ana: User, runs: dict[str, Execution], now: datetime) -> dict[str, int]:
    """One under way, one that is settled, one that is only looked at."""
    admin = User.objects.get(username="admin")
    sms = [runs[f"sms-{8900 + n}"] for n in (*range(8, 15), *range(8))]
    reminders = [runs[f"rem-{50 + n}"] for n in range(10)]
    going = [run for run in runs.values() if not run.is_final]
    under_way = _batch(
        ana, "cancel", "running", now - timedelta(minutes=4),
        "workflow is Delivery notice by SMS, status is active",
        reason="Too late to tell: the gateway was down for three hours",
    )  # fmt: skip
    _put_items(under_way, sms, ["confirmed"] * 6 + ["rejected"] + ["accepted"] * 2
               + ["requested"] * 3 + ["waiting"] * 3, ana)  # fmt: skip
    settled = _batch(
        ana, "cancel", "done", now - timedelta(hours=5), "workflow is Appointment reminder",
        reason="Wrong date in the template", finished_at=now - timedelta(minutes=288),
    )  # fmt: skip
    _put_items(settled, reminders, ["confirmed"] * 8 + ["rejected", "skipped"], ana)
    draft = _batch(ana, "suspend", "draft", now, "account is not Documents", requested_by=admin)
    _put_items(draft, [*going, *reminders[:4]],
               ["waiting"] * len(going) + ["ineligible"] * 4, ana)  # fmt: skip
    batching.recount([under_way.pk, settled.pk, draft.pk])
    return {"batch": under_way.pk, "batch_done": settled.pk, "batch_draft": draft.pk}


def _batch(ana: User, kind: str, state: str, at: datetime, words: str, **more: Any) -> Batch:
    started = {} if state == "draft" else {"started_at": at}
    return Batch.objects.create(
        kind=kind, state=state, created_at=at, assessed_at=timezone.now(), words=words,
        **{"requested_by": ana, **started, **more},
    )  # fmt: skip


SAID = {
    "confirmed": "The provider shows it as canceled.", "accepted": "", "requested": "",
    "rejected": "The run has ended already.", "skipped": "It ended before its turn.",
    "ineligible": "It has ended.", "waiting": "",
}  # fmt: skip


def _put_items(batch: Batch, runs: list[Execution], states: list[str], ana: User) -> None:
    settled = {"requested": "pending", "confirmed": "confirmed", "accepted": "accepted"}
    for run, state in zip(runs, states, strict=False):
        asked = None
        if state in (*settled, "rejected"):
            asked = command(run, ana, batch.kind, 3, state=settled.get(state, state))
            asked.target = f"batch:{uuid.uuid4()}"
            asked.message, asked.accepted_at = SAID[state], asked.requested_at
            asked.save()
        BatchItem.objects.create(
            batch=batch, execution=run, account_id=run.account_id, status=run.status, state=state,
            message=SAID[state], command=asked,
        )  # fmt: skip
    accounts = sorted({run.account_id for run in runs})
    Batch.objects.filter(pk=batch.pk).update(accounts=accounts)
