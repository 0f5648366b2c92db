"""How far the audit log is verified, for its page: read in slices by `tasks.tidy`, and by the
command line as a whole."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from executions import database_clock
from executions.access.audit_verification import Verdict, verify
from executions.models import AuditCheck, AuditEntry, AuditSeal

SLICE = 20.0  # seconds of one `carry_on`
ANEW_EVERY = timedelta(days=1)  # then what was found intact is read again


def carry_on(seconds: float = SLICE) -> None:
    """One slice: what came since the last, and once a day all of it anew. Of two workers the first
    to end counts. What was found wrong stays until all of it was read without finding it."""
    check, _ = AuditCheck.objects.get_or_create(pk=1)
    held = AuditCheck.objects.filter(pk=1, number=check.number, checked_at=check.checked_at)
    now = database_clock.now()
    if check.is_whole and (check.problem or now - check.begun_at > ANEW_EVERY):
        check.number, check.entry, check.hash, check.begun_at = 0, 0, "", now
    verdict = _cut_off(check) if _is_cut(check) else verify(check.reached, seconds)
    _note(check, verdict, now)
    changed = {each.attname: getattr(check, each.attname) for each in check._meta.fields}
    held.update(**changed)


def keep(verdict: Verdict) -> None:
    """What `verify` found in the whole of the log, for the page."""
    check, _ = AuditCheck.objects.get_or_create(pk=1)
    check.begun_at = database_clock.now()
    _note(check, verdict, check.begun_at)
    check.save()


def _note(check: AuditCheck, verdict: Verdict, now: datetime) -> None:
    check.checked_at, check.is_whole = now, verdict.is_whole
    if verdict.last is not None:
        check.number, check.entry = verdict.last.number, verdict.last.entry
        check.hash = verdict.last.hash
    if verdict.problem:
        check.problem, check.problem_at = verdict.problem, check.problem_at or now
    elif verdict.is_whole:
        check.problem, check.problem_at = "", None
    if not verdict.problem and check.number >= check.verified_number:
        check.verified_number, check.verified_entry = check.number, check.entry
        check.verified_hash, check.verified_at = check.hash, now


def state() -> dict[str, Any]:
    """For the page: up to which entry it is verified, or what was found. A few short queries."""
    check = AuditCheck.objects.filter(pk=1).first() or AuditCheck()
    newest = AuditSeal.objects.order_by("-number").values_list("number", flat=True).first() or 0
    of = AuditEntry.objects.filter(pk=check.verified_entry).values_list("at", flat=True).first()
    return {
        "problem": check.problem,
        "problem_at": check.problem_at,
        "verified_number": check.verified_number,
        "verified_entry": check.verified_entry,
        "verified_of": of,
        "verified_at": check.verified_at,
        "waiting": max(0, newest - check.verified_number),
    }


def _is_cut(check: AuditCheck) -> bool:
    """Whether the last seal that was found intact is there no more."""
    kept = AuditSeal.objects.filter(number=check.verified_number, hash=check.verified_hash)
    return check.verified_number > 0 and not kept.exists()


def _cut_off(check: AuditCheck) -> Verdict:
    words = f"What was the seal {check.verified_number} is there no more: the log was cut off, or "
    return Verdict(f"{words}written anew as a whole.", check.number, None)
