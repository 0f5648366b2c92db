"""What people did this morning about the runs of `morning`: answers, notes, batches, notices."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from executions import arguments, batches
from executions.models import (
    Batch,
    BatchItem,
    Command,
    Delivery,
    ErrorAcknowledgement,
    Execution,
    LogEntry,
    Note,
    Notice,
    NoticeMessage,
    NoticeMute,
    NoticeRule,
    Preference,
    Question,
    SavedView,
    Workflow,
)
from providers.models import ProviderAccount
from tests.browser import morning

SEED = "from tests.browser.morning_desk import put_there; print('SEED' + put_there())"
CLEAR = "from tests.browser.morning_desk import take_away; take_away()"
UNREACHED = "from tests.browser.morning import unreached; unreached({name!r})"
LOG = (
    "Reading page {0} of 664 from shop {1}", "Got 100 orders in {2} ms",
    "Mapped 100 orders, 0 refused", "Wrote 100 rows to warehouse.orders_{1}",
)  # fmt: skip
PASSWORD = "nothing-is-hers-4"  # of eve, who may act, on no account: every list is empty
TOMORROW = timedelta(days=1)


def put_there() -> str:
    """Ids of what pages are about, by name, as JSON."""
    now = timezone.now()
    morning.put_there()
    admin, ana = User.objects.get(username="admin"), _person("ana")
    ana.groups.add(Group.objects.get(name=morning.TEAM))
    _person("eve")
    Preference.objects.update_or_create(
        user=admin, defaults={"zone": "Europe/Zurich", "seen_at": now - timedelta(hours=8)}
    )
    runs = {run.ref: run for run in Execution.objects.select_related("account", "workflow")}
    _put_log(runs["load-1124"], now)
    _put_notes(runs, admin, ana)
    answered = _put_answers(runs, ana, admin, now)
    started = _put_commands(runs, ana, now)
    SavedView.objects.create(owner=admin, name="Failures of the night", audience="everybody",
                             query="lamp=failed&started=24h")  # fmt: skip
    SavedView.objects.create(owner=admin, name="Slow claims", query="q=claim&took_min=1h")
    failed = runs["po-9028"]
    ErrorAcknowledgement.objects.create(
        error_key=runs["stk-9029"].error_key, by=ana, team=failed.account.group, at=now - timedelta(minutes=9),
        until=now + timedelta(hours=23), note="The warehouse counts by hand",
    )  # fmt: skip
    by_title = {q.title: q for q in Question.objects.filter(closed_at=None)}
    Question.objects.filter(execution=runs["sup-318"]).update(
        claimed_by=ana, claimed_at=now, first_claimed_at=now
    )
    return json.dumps(
        {
            "failed": failed.pk,
            "error": failed.error_key,
            "form": by_title["Decide on claim 4711"].pk,
            "asks": runs["clm-4711"].pk,
            "approval": by_title["Release invoice 20931 over CHF 18,420.00?"].pk,
            "answered": answered.pk,
            "done": runs["clm-4709"].pk,
            "long": runs["load-1124"].pk,
            "unknown": runs["stk-9030"].pk,
            "rendering": runs["set-4410"].pk,
            "workflow": runs["clm-4711"].workflow_id,
            "model": runs["mod-771"].workflow_id,
            "command": str(started.pk),
            **{f"account_{each.provider}": each.pk for each in ProviderAccount.objects.all()},
            **_put_batches(ana, runs, now),
            "message": _put_notices(runs, ana, now),
        }
    )


def _person(name: str) -> User:
    made, _ = User.objects.get_or_create(username=name)
    made.set_password(PASSWORD)
    made.save()
    made.groups.add(Group.objects.get(name="operator"))
    return made


def take_away() -> None:
    for each in (NoticeRule, NoticeMessage, Batch, ErrorAcknowledgement, SavedView):
        each.objects.all().delete()  # type: ignore[attr-defined]
    ProviderAccount.objects.filter(group__name=morning.TEAM).delete()
    User.objects.filter(username__in=("ana", "eve")).delete()
    Preference.objects.all().delete()


def _put_log(run: Execution, now: datetime) -> None:
    began = run.started_at or now
    lines = []
    for n in range(1600):
        is_bad = n in (391, 1204, 1205)
        text = LOG[n % 4].format(n // 4 + 1, n // 420 + 1, 80 + n % 37)
        if is_bad:
            text = f"Order {88120 + n} refused: no customer {7000 + n}; kept for later"
        lines.append(LogEntry(execution=run, seq=n + 1, at=began + timedelta(seconds=3.4 * n),
                              level="error" if is_bad else "info", text=text))  # fmt: skip
    LogEntry.objects.bulk_create(lines)


def _put_notes(runs: dict[str, Execution], admin: User, ana: User) -> None:
    po, load = runs["po-9028"], runs["load-1124"]
    for run, by, text in ((po, ana, "The ERP restarts until 10; leave it, I try again then."),
                          (load, admin, "Shop 4 sends twice the usual number since Sunday.")):  # fmt: skip
        Note.objects.create(account=run.account, execution=run, author=by, text=text)
    Note.objects.create(
        account=load.account, workflow=load.workflow, author=admin, is_pinned=True,
        text="Must be through by 11: reports read it.",
    )  # fmt: skip


def _command(run: Execution, by: User, kind: str, ago: float, **more: Any) -> Command:
    at = timezone.now() - timedelta(minutes=ago)
    given = {"state": "confirmed", "settled_at": at + timedelta(seconds=6), **more}
    return Command(
        kind=kind, account=run.account, execution=run, target=f"run:{run.pk}", requested_by=by,
        requested_at=at, not_before=timezone.now() + TOMORROW, sent_at=at, **given,
    )  # fmt: skip


def _put_answers(runs: dict[str, Execution], ana: User, admin: User, now: datetime) -> Question:
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
        message = "The provider stopped asking."
        command = _command(run, by, "answer", ago, question_ref="answered", message=message)
        values = {"choice": "yes", "note": "Photos are clear, estimate is fine" if not n else ""}
        arguments.seal(command, {"values": values})
        command.save()
        made.append(question)
    return made[0]


def _put_commands(runs: dict[str, Execution], ana: User, now: datetime) -> Command:
    _command(runs["clm-4710"], ana, "cancel", 61, reason="Reported twice").save()
    _command(runs["rem-77"], ana, "suspend", 30, reason="The template has a wrong date").save()
    _command(runs["po-9028"], ana, "cancel", 13.5, state="rejected",
             message="The run has ended already.").save()  # fmt: skip
    done = runs["clm-4709"]
    started = _command(done, ana, "start", 75, new_ref=done.ref, message="The run was seen.")
    started.target, started.workflow = f"start:{started.pk}", done.workflow
    arguments.seal(started, {"values": {"claim": 4709, "kind": "water"}})
    started.save()
    return started


def _put_batches(ana: User, runs: dict[str, Execution], now: datetime) -> dict[str, int]:
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
    batches.recount([under_way.pk, settled.pk, draft.pk])
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
        command = None
        if state in (*settled, "rejected"):
            command = _command(run, ana, batch.kind, 3, state=settled.get(state, state))
            command.target = f"batch:{uuid.uuid4()}"
            command.message, command.accepted_at = SAID[state], command.requested_at
            command.save()
        BatchItem.objects.create(
            batch=batch, execution=run, account_id=run.account_id, status=run.status, state=state,
            message=SAID[state], command=command,
        )  # fmt: skip
    accounts = sorted({run.account_id for run in runs})
    Batch.objects.filter(pk=batch.pk).update(accounts=accounts)


def _put_notices(runs: dict[str, Execution], ana: User, now: datetime) -> int:
    """Two rules, what they have raised, and where it went."""
    shown = {"id": "t1", "service": "Slack", "shown": "slack://…/ops-morning"}
    rules = [
        NoticeRule.objects.create(name=name, event=event, after_seconds=after, is_primed=True,
                                  targets=[{**shown, "set_on": "2026-11-02", "by": "admin"}])
        for name, event, after in (("Failures to the morning desk", "failed", None),
                                   ("Waits longer than an hour", "waiting", 3600))
    ]  # fmt: skip
    failed = [runs["po-9028"], runs["po-9027"], runs["stk-9029"]]
    message = NoticeMessage.objects.create(
        rule=rules[0], kind="raised", account_ids=sorted({run.account_id for run in failed}),
        title="Failed: Purchase order to the ERP, 2 runs (Back office)",
        body="2 runs failed: Timeout to the ERP after 30 s, purchase order ORD-9028\n\n"
        "Back office · Purchase order to the ERP · ORD-9028, 13 minutes ago\n"
        "Back office · Purchase order to the ERP · ORD-9027, 25 minutes ago\n\n"
        "You get this because of the rule “Failures to the morning desk”.",
        created_at=now - timedelta(minutes=12),
    )  # fmt: skip
    for n, run in enumerate(failed):
        mine = {"acknowledged_by": ana, "acknowledged_at": now,
                "acknowledged_until": now + timedelta(hours=23)} if n == 2 else {}  # fmt: skip
        Notice.objects.create(
            rule=rules[0], subject=f"run:{run.pk}", turn=99, account=run.account, message=message,
            workflow=run.workflow, execution=run, group_key=f"w{run.workflow_id}:{run.error_key}",
            label=run.name, detail=run.error_summary, since=run.finished_at, told_at=now, **mine,
        )  # fmt: skip
    for ref in ("inv-20931", "close-2026-10"):
        run = runs[ref]
        question = run.questions.get(closed_at=None)
        Notice.objects.create(
            rule=rules[1], subject=f"question:{question.pk}", turn=1, account=run.account,
            workflow=run.workflow, execution=run, group_key=f"question:{question.pk}",
            label=run.name or run.ref, detail=question.title, since=question.opened_at,
            told_at=now - timedelta(minutes=70),
        )  # fmt: skip
    for state, says, target in (("sent", "", "t1"), ("failed", "It answers 404: no such channel.", "t2"),
                                ("unknown", "The connection broke while it was sent.", "t3")):  # fmt: skip
        Delivery.objects.create(
            message=message, rule=rules[0], state=state, says=says, target=target, attempts=1,
            service=shown["service"], shown=shown["shown"], settled_at=message.created_at,
            created_at=message.created_at,
        )  # fmt: skip
    quiet = Workflow.objects.get(name="Render a product set")
    NoticeMute.objects.create(workflow=quiet, reason="The render farm moves", created_by=ana,
                              until=now + timedelta(hours=5))  # fmt: skip
    return message.pk
