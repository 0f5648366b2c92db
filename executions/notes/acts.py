"""Notes of people on runs and workflows: written, pinned, deleted; each act published and audited.

Called by the views. A note is never changed: what was read stays as it was read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q

from executions.access import audit_log
from executions.access.permissions import may_act, may_administer, require_may_act
from executions.display.people import user_name
from executions.live import publish
from executions.models import MAX_NOTE, Execution, Note, Workflow
from executions.payloads.text_escaping import plain

MAX_SHOWN = 50


class NotWritten(Exception):
    """Show it: the note cannot be kept. str() is a sentence for a person."""


def write(
    user: User, place: Execution | Workflow, text: str, *, is_pinned: bool, address: str | None
) -> Note:
    """Raises NotWritten and PermissionDenied."""
    require_may_act(user, place.account_id)
    text = text.replace("\0", "").replace("\r\n", "\n").strip()
    if not text:
        raise NotWritten("A note needs some text.")
    if len(text) > MAX_NOTE:
        raise NotWritten(f"A note has at most {MAX_NOTE:,} characters; this one has {len(text):,}.")
    kept: dict[str, Any] = {"execution": place} if isinstance(place, Execution) else {}
    kept = kept or {"workflow": place}
    with transaction.atomic():
        note = Note.objects.create(
            account_id=place.account_id, author=user, text=text, is_pinned=is_pinned, **kept
        )
        _record(user, audit_log.Action.NOTE_WRITTEN, note, address)
    return note


def pin(user: User, note: Note, *, is_pinned: bool, address: str | None) -> None:
    require_may_act(user, note.account_id)
    with transaction.atomic():
        if Note.objects.filter(pk=note.pk).exclude(is_pinned=is_pinned).update(is_pinned=is_pinned):
            _record(
                user,
                audit_log.Action.NOTE_PINNED if is_pinned else audit_log.Action.NOTE_UNPINNED,
                note,
                address,
            )


def delete(user: User, note: Note, *, address: str | None) -> None:
    """By its author or an administrator; the audit log keeps what it said."""
    if not may_delete(user, note):
        raise PermissionDenied("Only its author or an administrator may delete a note.")
    with transaction.atomic():
        _record(user, audit_log.Action.NOTE_DELETED, note, address)
        note.delete()


def may_delete(user: User | AnonymousUser, note: Note) -> bool:
    return may_administer(user) or (note.author_id == user.pk and may_act(user, note.account_id))


def notes_of(user: User | AnonymousUser, run: Execution) -> dict[str, Any]:
    """Notes on a run and on its workflow, as its page shows them. One query."""
    rows = Note.objects.filter(Q(execution=run) | Q(workflow=run.workflow_id))
    return {"notes": shown(user, rows)}


def notes_of_workflow(user: User | AnonymousUser, workflow: Workflow) -> dict[str, Any]:
    return {"notes": shown(user, Note.objects.filter(workflow=workflow))}


def shown(user: User | AnonymousUser, rows: Any) -> list[dict[str, Any]]:
    newest: Iterable[Note] = rows.select_related("author")[:MAX_SHOWN]
    return [
        {
            "id": note.pk,
            "text": plain(note.text),
            "by": user_name(note.author),
            "at": note.created_at,
            "is_pinned": note.is_pinned,
            "is_of_workflow": note.workflow_id is not None,
            "may_delete": may_delete(user, note),
        }
        for note in newest
    ]


def _record(user: User, action: audit_log.Action, note: Note, address: str | None) -> None:
    """Audit it, and tell the pages that show its place, after the commit."""
    place = note.execution or note.workflow
    audit_log.record(
        user,
        action,
        account_name=note.account.name,
        target=str(place),
        detail={"text": note.text},
        address=address,
    )
    run = note.execution
    if run is not None:
        pair = (run.pk, run.version)
        transaction.on_commit(lambda: publish.publish_runs(note.account_id, [pair]))
    else:
        transaction.on_commit(lambda: publish.publish_notes(note.account_id))
