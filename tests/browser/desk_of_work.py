"""Run by `seeding` inside the installation that is looked at: every status, forms, a log, notes,
commands, and accounts in trouble, put straight into the database."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from executions.models import Command, Execution, LogEntry, Note
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status, Verb
from providers.models import ProviderAccount

NOW = timezone.now()
NEVER = NOW + timedelta(days=9)  # not polled, and not late, while the tests run
LONG = "A very long name that nobody would choose for a workflow but somebody always does, part two"
NAMES = (LONG, "Nightly import", "Settle claims")
REFUSED = "Connection refused by the ERP\nat line 12\nat line 40"
FORM = contract.Question(
    ref="form",
    kind="form",
    title="Decide on the claim",
    schema={
        "type": "object",
        "required": ["amount"],
        "properties": {
            "amount": {"type": "integer", "title": "Amount", "description": "In whole francs"},
            "due": {"type": "string", "format": "date-time", "title": "Pay at"},
            "method": {"type": "string", "title": "Method", "enum": list("abcde")},
            "sure": {"type": "boolean", "title": "I have checked it"},
        },
    },
)
APPROVAL = contract.Question(
    ref="approval",
    kind="approval",
    title="Release the payment?",
    choices=(
        contract.Choice(value="yes", label="Release"),
        contract.Choice(value="no", label="Reject", is_danger=True),
    ),
)


def account(name: str, **state: Any) -> ProviderAccount:
    address = {"base_url": "https://desk.example.com"}
    given = {"health": "ok", "last_success_at": NEVER, "next_poll_at": NEVER, **state}
    return ProviderAccount.objects.create(
        name=name, provider="smartflows", settings=address, **given
    )


def step(number: int) -> contract.Step:
    is_bad = number == 4
    return contract.Step(
        ref=f"s{number}",
        path=("Outer block",) if number % 2 else (),
        name=f"Step {number} that does its part",
        status=Status.FAILED if is_bad else Status.SUCCEEDED,
        native_status="Failed" if is_bad else "Done",
        started_at=NOW - timedelta(minutes=9 - number),
        finished_at=NOW - timedelta(minutes=8 - number),
        error=REFUSED if is_bad else "",
    )


def snapshot(number: int, status: Status) -> Snapshot:
    name = number % len(NAMES)
    is_failed, is_final = status is Status.FAILED, status.is_final
    return Snapshot(
        ref=f"seed-{status}",
        status=status,
        native_status=status.value.title(),
        workflow=contract.Workflow(ref=f"w{name}", name=NAMES[name], can_start=True),
        started_at=NOW - timedelta(minutes=10 + number),
        finished_at=NOW - timedelta(minutes=1) if is_final else None,
        error=REFUSED if is_failed else "",
        progress=40 if status is Status.RUNNING else None,
        steps=tuple(map(step, range(6))) if is_failed or status is Status.RUNNING else (),
        questions=(FORM, APPROVAL) if status is Status.USER_INPUT else (),
        outputs=(contract.Output(ref="o1", name="letter.pdf", content_type="application/pdf"),),
        input={"order": 4711, "lines": [1, 2]},
        output={"total": 12.5} if status is Status.SUCCEEDED else None,
        offers=frozenset() if is_final else frozenset({Verb.CANCEL, Verb.ANSWER}),
    )


def log_line(run: Execution, number: int) -> LogEntry:
    is_bad = number == 30
    return LogEntry(
        execution=run,
        seq=number,
        at=NOW - timedelta(minutes=9) + timedelta(seconds=number),
        level="error" if is_bad else "info",
        text="Connection refused" if is_bad else f"line {number} of the log",
    )


def put_there() -> str:
    """Numbers of what was put there, by name, as JSON."""
    desk, old = account("Seeded desk"), NOW - timedelta(hours=2)
    out_of_sight = {"health": "failing", "failures": 9, "health_since": old}
    account("Seeded, out of sight", **out_of_sight, last_success_at=old, last_error="No answer.")
    account("Seeded, refused", health="auth", last_success_at=old, last_error="It answers 401.")
    store(desk.pk, 1, [snapshot(number, status) for number, status in enumerate(Status)])
    runs = {run.status: run for run in Execution.objects.filter(account=desk)}
    failed, asks = runs["failed"], runs["user_input"]
    LogEntry.objects.bulk_create(log_line(failed, number) for number in range(1, 61))
    admin = User.objects.get(username="admin")
    note = {"account": desk, "author": admin}
    Note.objects.create(**note, execution=failed, text="Called the ERP team; they are on it.")
    Note.objects.create(**note, workflow=failed.workflow, text="Frozen.", is_pinned=True)
    asked = {"account": desk, "requested_by": admin}
    for kind, status, state in (
        ("suspend", "running", "accepted"),
        ("answer", "succeeded", "confirmed"),
        ("cancel", "canceled", "confirmed"),
    ):
        run = runs[status]
        command = Command.objects.create(
            **asked, kind=kind, execution=run, target=f"seed:{run.pk}", state=state
        )
    return json.dumps(
        {
            "account": desk.pk,
            "failed": failed.pk,
            "running": runs["running"].pk,
            "asks": asks.pk,
            "unknown": runs["unknown"].pk,
            "workflow": failed.workflow_id,
            "command": str(command.pk),
            "form": asks.questions.get(ref="form").pk,
            "approval": asks.questions.get(ref="approval").pk,
        }
    )


def take_away() -> None:
    ProviderAccount.objects.filter(name__startswith="Seeded").delete()
