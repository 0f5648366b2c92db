"""What people say about a workflow: its runbook, owner, labels and expected runs.

Called by the views; each change is audited, and open pages are informed after the commit.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from executions.access import audit_log
from executions.access.permissions import (
    ADMIN,
    OPERATOR,
    VIEWER,
    require_may_act,
    require_may_administer,
    visible_accounts,
)
from executions.live import publish
from executions.models import (
    MAX_LABEL,
    MAX_RUNBOOK,
    MOST_LABELS,
    Workflow,
    WorkflowProfile,
)
from executions.payloads.text_escaping import plain

LONGEST = 366 * 86400  # seconds between two expected runs


class NotKept(Exception):
    """Show it: nothing was changed. str() is a sentence for a person."""


def profile_of(workflow: Workflow) -> WorkflowProfile:
    """An empty one, not saved, where nobody has said anything."""
    try:
        return workflow.profile
    except WorkflowProfile.DoesNotExist:
        return WorkflowProfile(workflow=workflow)


def write_runbook(
    user: User, workflow: Workflow, text: str, *, read_at: str, address: str | None
) -> None:
    """`read_at`: `stamp` of the text that the person changed. Raises NotKept and PermissionDenied.
    Empty: the runbook is taken away."""
    require_may_act(user, workflow.account_id)
    text = text.replace("\0", "").replace("\r\n", "\n").strip()
    if len(text) > MAX_RUNBOOK:
        raise NotKept(f"A runbook has at most {MAX_RUNBOOK:,} characters; this has {len(text):,}.")
    with transaction.atomic():
        WorkflowProfile.objects.get_or_create(workflow=workflow)
        kept = WorkflowProfile.objects.select_for_update(of=("self",)).get(workflow=workflow)
        if stamp(kept) != read_at:
            raise NotKept(
                "Somebody has changed the runbook since you opened it. Your text is below: compare "
                "it with theirs, then save again."
            )
        if kept.runbook == text:
            return
        before, kept.runbook = kept.runbook, text
        kept.runbook_by, kept.runbook_at = user, timezone.now()
        kept.save(update_fields=["runbook", "runbook_by", "runbook_at"])
        detail = {"text": text, "before": before}
        _record(user, audit_log.Action.RUNBOOK_WRITTEN, workflow, detail, address)


def describe(
    user: User,
    workflow: Workflow,
    *,
    owner: str,
    labels: str,
    expected_seconds: int | None,
    grace_seconds: int | None,
    address: str | None,
) -> None:
    """`owner`: the name of a person who may see the account, or of a team; `labels`: separated by
    commas. Raises NotKept and PermissionDenied."""
    require_may_act(user, workflow.account_id)
    person, team = _owner(owner, workflow)
    values: dict[str, Any] = {
        "owner": person,
        "team": team,
        "labels": _labels(labels),
        "expected_seconds": expected_seconds,
        "grace_seconds": grace_seconds,
    }
    with transaction.atomic():
        WorkflowProfile.objects.get_or_create(workflow=workflow)
        kept = WorkflowProfile.objects.select_for_update(of=("self",)).get(workflow=workflow)
        changed = {key: value for key, value in values.items() if getattr(kept, key) != value}
        if not changed:
            return
        for key, value in values.items():
            setattr(kept, key, value)
        kept.save(update_fields=list(values))
        detail = {key: value if isinstance(value, int | list) else str(value or "")
                  for key, value in changed.items()}  # fmt: skip
        _record(user, audit_log.Action.WORKFLOW_DESCRIBED, workflow, detail, address)


def set_needs_two(user: User, workflow: Workflow, needs_two: bool, *, address: str | None) -> None:
    """Whether answers to its questions need a second person. For administrators: who answers must
    not be able to switch it off. Raises PermissionDenied."""
    require_may_administer(user)
    with transaction.atomic():
        WorkflowProfile.objects.get_or_create(workflow=workflow)
        changed = WorkflowProfile.objects.filter(workflow=workflow).exclude(needs_two=needs_two)
        if changed.update(needs_two=needs_two):
            detail = {"two people": needs_two}
            _record(user, audit_log.Action.SECOND_PERSON_SET, workflow, detail, address)


def stamp(profile: WorkflowProfile) -> str:
    """Stands for the text of its runbook."""
    at: datetime | None = profile.runbook_at
    return at.isoformat() if at else ""


def owner_name(profile: WorkflowProfile) -> str:
    if profile.team is not None:
        return profile.team.name
    return profile.owner.get_username() if profile.owner is not None else ""


def _owner(name: str, workflow: Workflow) -> tuple[User | None, Group | None]:
    name = name.strip()
    if not name:
        return None, None
    team = Group.objects.exclude(name__in=(VIEWER, OPERATOR, ADMIN)).filter(name=name).first()
    if team is not None:
        return None, team
    person = User.objects.filter(Q(username=name), is_active=True).first()
    if person is None:
        raise NotKept(f"There is no person and no team called “{plain(name, 80)}”.")
    if not visible_accounts(person).filter(pk=workflow.account_id).exists():
        raise NotKept(f"{person.get_username()} cannot see this account, so cannot be the owner.")
    return person, None


def _labels(typed: str) -> list[str]:
    labels = [" ".join(each.replace("\0", "").split()) for each in typed.split(",")]
    labels = list(dict.fromkeys(each for each in labels if each))
    if len(labels) > MOST_LABELS:
        raise NotKept(f"A workflow has at most {MOST_LABELS} labels; these are {len(labels)}.")
    if long := next((each for each in labels if len(each) > MAX_LABEL), ""):
        raise NotKept(f"A label has at most {MAX_LABEL} characters: “{plain(long, 80)}”.")
    return labels


def _record(
    user: User,
    action: audit_log.Action,
    workflow: Workflow,
    detail: dict[str, Any],
    address: str | None,
) -> None:
    audit_log.record(
        user,
        action,
        account_name=workflow.account.name,
        target=str(workflow),
        detail=detail,
        address=address,
    )
    transaction.on_commit(lambda: publish.publish_notes(workflow.account_id))
