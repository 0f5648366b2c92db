"""What people did this morning about the runs of `morning`, and what they were told."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from django.contrib.auth.models import Group, User
from django.utils import timezone

from executions.models import (
    Batch,
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
from tests.browser import morning, morning_commands

SEED = "from tests.browser.morning_desk import put_there; print('SEED' + put_there())"
CLEAR = "from tests.browser.morning_desk import take_away; take_away()"
UNREACHED = "from tests.browser.morning import unreached; unreached({name!r})"
LOG = (
    "Reading page {0} of 664 from shop {1}", "Got 100 orders in {2} ms",
    "Mapped 100 orders, 0 refused", "Wrote 100 rows to warehouse.orders_{1}",
)  # fmt: skip
PASSWORD = "nothing-is-hers-4"  # of eve, who may act, on no account: every list is empty


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
    answered = morning_commands.answers(runs, ana, admin, now)
    started = morning_commands.commands(runs, ana, now)
    SavedView.objects.create(owner=admin, name="Failures of the night", audience="everybody",
                             query="lamp=failed&started=24h")  # fmt: skip
    SavedView.objects.create(owner=admin, name="Slow claims", query="q=claim&took_min=1h")
    failed = runs["po-9028"]
    ErrorAcknowledgement.objects.create(
        error_key=runs["stk-9029"].error_key, by=ana, team=failed.account.group,
        at=now - timedelta(minutes=9), until=now + timedelta(hours=23),
        note="The warehouse counts by hand",
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
            **morning_commands.batches(ana, runs, now),
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
    for run, by, text in (
        (po, ana, "The ERP restarts until 10; leave it, I try again then."),
        (load, admin, "Shop 4 sends twice the usual number since Sunday."),
    ):
        Note.objects.create(account=run.account, execution=run, author=by, text=text)
    Note.objects.create(
        account=load.account, workflow=load.workflow, author=admin, is_pinned=True,
        text="Must be through by 11: reports read it.",
    )  # fmt: skip


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
    for state, says, target in (
        ("sent", "", "t1"),
        ("failed", "It answers 404: no such channel.", "t2"),
        ("unknown", "The connection broke while it was sent.", "t3"),
    ):
        Delivery.objects.create(
            message=message, rule=rules[0], state=state, says=says, target=target, attempts=1,
            service=shown["service"], shown=shown["shown"], settled_at=message.created_at,
            created_at=message.created_at,
        )  # fmt: skip
    quiet = Workflow.objects.get(name="Render a product set")
    NoticeMute.objects.create(workflow=quiet, reason="The render farm moves", created_by=ana,
                              until=now + timedelta(hours=5))  # fmt: skip
    return message.pk
