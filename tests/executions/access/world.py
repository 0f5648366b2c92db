"""One of everything that has an address, of the team east; and people of every kind."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import Group, User
from django.utils import timezone

from executions.access import api_tokens, audit_log
from executions.kiosk import links as wall_links
from executions.models import (
    ApiToken,
    AuditEntry,
    Batch,
    BatchItem,
    Command,
    CorrelationRule,
    Execution,
    Note,
    Notice,
    NoticeMessage,
    NoticeMute,
    NoticeRule,
    Output,
    PollTrace,
    Proposal,
    PushBrowser,
    Quarantine,
    SavedView,
    Step,
)
from executions.people import invitations
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status, Verb
from providers.models import Grant, ProviderAccount

PEOPLE = {  # name: (groups, may enter the admin)
    "viewer": (("viewer", "east"), False),
    "operator": (("operator", "east"), False),
    "admin": (("admin", "east"), True),
    "foreign operator": (("operator", "west"), False),
    "foreign admin": (("admin", "west"), True),
    "superuser": ((), True),
}
NOBODY, LEFT = "nobody", "left"  # not signed in; disabled while signed in
PRINCIPALS = (NOBODY, LEFT, *PEOPLE)


def people() -> dict[str, User]:
    found = {}
    for name, (groups, is_staff) in {**PEOPLE, LEFT: (("operator", "east"), False)}.items():
        user = User.objects.create_user(name, is_staff=is_staff, is_superuser=name == "superuser")
        user.groups.set([Group.objects.get_or_create(name=each)[0] for each in groups])
        found[name] = user
    return found


def everything(found: dict[str, User]) -> dict[str, Any]:
    """By the name that the table uses."""
    east, now = Group.objects.get(name="east"), timezone.now()
    account = ProviderAccount.objects.create(
        name="Claims", provider="smartflows", group=east, health="ok", last_success_at=now,
        settings={"base_url": "http://127.0.0.1:9"},
    )  # fmt: skip
    common: dict[str, Any] = {
        "workflow": contract.Workflow(ref="w1", name="Nightly import", can_start=True),
        "started_at": now - timedelta(minutes=5),
        "offers": frozenset({Verb.CANCEL, Verb.ANSWER, Verb.SUSPEND, Verb.RESUME}),
    }
    asked = contract.Question(
        ref="q1", kind="form", title="Decide",
        schema={"type": "object", "properties": {"amount": {"type": "integer"}}},
    )  # fmt: skip
    store(
        account.pk,
        1,
        [
            Snapshot(
                ref="r1", status=Status.USER_INPUT, native_status="Waits", questions=(asked,),
                input={"order": "A-1"}, output={"n": 1}, raw={"n": 1},
                steps=(
                    contract.Step(
                        ref="s1", name="Import", status=Status.RUNNING, native_status="Runs"
                    ),
                ),
                outputs=(contract.Output(ref="o1", name="a.pdf", status=Status.SUCCEEDED),),
                **common,
            ),
            Snapshot(
                ref="r2", status=Status.FAILED, native_status="Failed", error="Disk full",
                finished_at=now, **common,
            ),
        ],
    )  # fmt: skip
    run = Execution.objects.get(ref="r1")
    operator = found["operator"]
    PollTrace.objects.create(
        account=account, slot=0, poll_seq=account.pk, started_at=now, outcome="ok"
    )
    rule = NoticeRule.objects.create(name="Claims fail", event="failed", group=east)
    message = NoticeMessage.objects.create(
        rule=rule, kind="raised", title="Failed", body="x", account_ids=[account.pk]
    )
    batch = Batch.objects.create(
        kind="cancel", requested_by=operator, accounts=[account.pk],
        counts={str(account.pk): {"waiting": 1}},
    )  # fmt: skip
    BatchItem.objects.create(
        batch=batch, execution=run, account=account, status="user_input", state="waiting"
    )
    audit_log.record(operator, audit_log.Action.CANCEL, account_name="Claims", target="run:1")
    api_tokens.issue(operator)
    wall_link, wall_secret = wall_links.make(
        found["admin"], name="Control room", group=east, zone="UTC", expires_at=None,
        address=None,
    )  # fmt: skip
    invitation, invitation_secret = invitations.make(
        found["superuser"], username="nia", email="", role="viewer", teams=[east],
        expires_at=now + timedelta(days=1), address=None,
    )  # fmt: skip
    guess = {"username": "operator", "ip_address": "203.0.113.1", "path_info": "/sign-in/"}
    return {
        "run": run,
        "step": Step.objects.get(),
        "output": Output.objects.get(),
        "question": run.questions.get(),
        "workflow": run.workflow,
        "account": account,
        "help": "runs",
        "error": Execution.objects.get(ref="r2").error_key,
        "note": Note.objects.create(account=account, execution=run, author=operator, text="x"),
        "view": SavedView.objects.create(owner=operator, name="Mine", audience="team", group=east),
        "command": Command.objects.create(
            account=account, execution=run, kind="resume", target=f"run:{run.pk}",
            requested_by=operator, key=uuid.uuid4(),
        ),
        "proposal": Proposal.objects.create(
            question=run.questions.get(), fingerprint="x", sealed_arguments="x",
            requested_by=operator, requested_at=now - timedelta(days=1), state="returned",
        ),
        "rule": rule,
        "message": message,
        "notice": Notice.objects.create(
            rule=rule, subject=f"run:{run.pk}", account=account, execution=run,
            workflow=run.workflow, group_key="w", since=now,
        ),
        "mute": NoticeMute.objects.create(
            account=account, reason="Known", until=now + timedelta(hours=1), created_by=operator
        ),
        "batch": batch,
        "browser": PushBrowser.objects.create(
            user=operator, endpoint_hash="x", sealed="x", name="Chrome on Linux", service="x"
        ),
        "wall link": wall_link,
        "wall secret": wall_secret,
        "invitation": invitation,
        "invitation secret": invitation_secret,
        "key rule": CorrelationRule.objects.create(
            account=account, name="order", source="input", path="$.order"
        ),
        "quarantine": Quarantine.objects.create(account=account, ref="x", reason="odd"),
        "audit entry": AuditEntry.objects.earliest("pk"),
        "grant": Grant.objects.create(person=found["viewer"], account=account, level="view"),
        "token": ApiToken.objects.get(user=operator),
        "group": east,
        "user": operator,
        "attempt": AccessAttempt.objects.create(**guess, failures_since_start=1),
        "sign-in": AccessLog.objects.create(**guess),
        "failure": AccessFailureLog.objects.create(**guess),
    }  # fmt: skip
