"""A desk full of work, put straight into the database: every status, forms, a log, notes, commands,
and accounts in trouble. No simulator is needed to look at it, and nothing of it moves."""

from __future__ import annotations

import json
from typing import Any

from tests.product import Product

SEED = r"""
import json
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from executions.models import Command, Execution, LogEntry, Note
from executions.storing import store
from providers import contract
from providers.contract import Snapshot, Status, Verb
from providers.models import ProviderAccount

now, name = timezone.now(), "Seeded desk"
never = now + timedelta(days=9)

def account(name, **more):
    return ProviderAccount.objects.create(
        name=name, provider="smartflows", settings={"base_url": "https://desk.example.com"},
        next_poll_at=never, **{"health": "ok", "last_success_at": never, **more})

desk = account(name)
account("Seeded, out of sight", health="failing", failures=9, health_since=now - timedelta(hours=2),
    last_error="No answer within 20 seconds.", last_success_at=now - timedelta(hours=2))
account("Seeded, refused", health="auth", failures=1, last_error="The provider answers 401.",
    last_success_at=now - timedelta(hours=3))
schema = {"type": "object", "required": ["amount"], "properties": {
    "amount": {"type": "integer", "title": "Amount", "description": "In whole francs"},
    "due": {"type": "string", "format": "date-time", "title": "Pay at"},
    "method": {"type": "string", "title": "Method", "enum": ["bank", "card", "cash", "voucher", "later"]},
    "sure": {"type": "boolean", "title": "I have checked it"}}}
form = contract.Question(ref="form", kind="form", title="Decide on the claim", schema=schema)
approval = contract.Question(ref="approval", kind="approval", title="Release the payment?", choices=(
    contract.Choice(value="yes", label="Release"), contract.Choice(value="no", label="Reject", is_danger=True)))
long = "A very long name of a workflow that nobody would choose but somebody always does, part two of seven"
runs, steps = [], tuple(
    contract.Step(ref=f"s{n}", path=("Outer block",) if n % 2 else (), name=f"Step {n} that does its part",
        status=Status.FAILED if n == 4 else Status.SUCCEEDED, native_status="Done",
        started_at=now - timedelta(minutes=9 - n), finished_at=now - timedelta(minutes=8 - n),
        error="Connection refused by the ERP" if n == 4 else "") for n in range(6))
for n, status in enumerate(Status):
    asks = status is Status.USER_INPUT
    runs.append(Snapshot(ref=f"seed-{status}", status=status, native_status=status.value.title(),
        workflow=contract.Workflow(ref=f"w{n % 3}", name=(long, "Nightly import", "Settle claims")[n % 3], can_start=True),
        started_at=now - timedelta(minutes=10 + n),
        finished_at=now - timedelta(minutes=1) if status.is_final else None,
        error="Connection refused by the ERP\nat line 12\nat line 40" if status is Status.FAILED else "",
        progress=40 if status is Status.RUNNING else None, steps=steps if status in (Status.FAILED, Status.RUNNING) else (),
        questions=(form, approval) if asks else (), outputs=(contract.Output(ref="o1", name="letter.pdf", content_type="application/pdf", size=1234),),
        input={"order": 4711, "lines": [1, 2]}, output={"total": 12.5} if status is Status.SUCCEEDED else None,
        offers=frozenset() if status.is_final else frozenset({Verb.CANCEL, Verb.ANSWER})))
store(desk.pk, 1, runs)
found = {run.status: run for run in Execution.objects.filter(account=desk)}
failed, running, asks = found["failed"], found["running"], found["user_input"]
LogEntry.objects.bulk_create(LogEntry(execution=failed, seq=n + 1, at=now - timedelta(minutes=9) + timedelta(seconds=n),
    level="error" if n == 30 else "info", text="Connection refused" if n == 30 else f"line {n} of the log") for n in range(60))
admin = User.objects.get(username="admin")
Note.objects.create(account=desk, execution=failed, author=admin, text="Called the ERP team; they are on it.")
Note.objects.create(account=desk, workflow=failed.workflow, author=admin, text="Frozen until Monday.", is_pinned=True)
done = Command.objects.create(kind="cancel", account=desk, execution=found["canceled"], target="seed:1",
    requested_by=admin, state="confirmed", settled_at=now, reason="Started twice")
Command.objects.create(kind="suspend", account=desk, execution=running, target="seed:2", requested_by=admin, state="accepted", accepted_at=now)
Command.objects.create(kind="answer", account=desk, execution=found["succeeded"], target="seed:3", requested_by=admin, state="confirmed", settled_at=now)
print("SEED" + json.dumps({"account": desk.pk, "failed": failed.pk, "running": running.pk, "asks": asks.pk,
    "unknown": found["unknown"].pk, "workflow": failed.workflow_id, "command": str(done.pk),
    "form": asks.questions.get(ref="form").pk, "approval": asks.questions.get(ref="approval").pk}))
"""


def seed(product: Product) -> dict[str, Any]:
    """Numbers of what was put there, by name."""
    said = product.manage("shell", "-v", "0", "-c", SEED).stdout
    return dict(json.loads(said.partition("SEED")[2]))


def clear(product: Product) -> None:
    """The next module's pages shall not show it."""
    product.query(
        "UPDATE providers_provideraccount SET enabled = false WHERE starts_with(name, 'Seeded')"
        " RETURNING id"
    )
