"""What one person has typed to start a run, sealed, until the run is started or they begin anew.

As with answers, secrets are not in it, and files are chosen again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils import timezone

from executions.inbox.drafts import MAX_DRAFT, is_overtaken, stamp_of
from executions.models import StartDraft, Workflow
from executions.web.requester import person
from providers.contract import Field
from providers.sealing import SealError, seal, unseal


class Opened(NamedTuple):
    typed: dict[str, str]
    """By the names of inputs."""
    again: str
    """The run whose input the form began with, "" for none."""
    saved_at: datetime


def keep(request: HttpRequest, workflow: Workflow, names: Sequence[str]) -> bool:
    """Saves what was posted for these inputs. False if it is too long."""
    stamp, kept = stamp_of(request), _unsealed(request, workflow)
    if kept is not None and is_overtaken(stamp, kept):
        return True
    typed = {name: request.POST[name] for name in (*names, "reason") if name in request.POST}
    if sum(map(len, typed.values())) > MAX_DRAFT:
        return False
    value = {"typed": typed, "again": request.POST.get("again", "")[:20], "stamp": stamp}
    StartDraft.objects.update_or_create(
        workflow=workflow,
        user=person(request),
        defaults={
            "sealed_values": seal(_context(request, workflow), value),
            "saved_at": timezone.now(),
        },
    )
    return True


def opened(request: HttpRequest, workflow: Workflow) -> Opened | None:
    """The person's draft; where the address names a run to repeat, only one that began with it."""
    kept, again = _unsealed(request, workflow), request.GET.get("run", "")
    if kept is None or again not in ("", kept["again"]):
        return None
    return Opened(kept["typed"], kept["again"], kept["saved_at"])


def forget(request: HttpRequest, workflow: Workflow) -> None:
    StartDraft.objects.filter(workflow=workflow, user=person(request)).delete()


def kept_names(fields: Sequence[Field], name_of: Any) -> list[str]:
    """The inputs that a draft may hold."""
    return [name_of(each) for each in fields if not each.secret and each.kind != "file"]


def _unsealed(request: HttpRequest, workflow: Workflow) -> dict[str, Any] | None:
    row = StartDraft.objects.filter(workflow=workflow, user=person(request)).first()
    if row is None:
        return None
    try:
        kept = unseal(_context(request, workflow), row.sealed_values)
    except SealError:  # a key was removed; the form itself is still good
        return None
    return {**kept, "saved_at": row.saved_at}


def _context(request: HttpRequest, workflow: Workflow) -> str:
    return f"start:{workflow.pk}:{request.user.pk}"
