"""What one person has typed into one question, sealed, and never lost.

A draft remembers the form it was typed into: when the provider changes the form, what still fits
is carried over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from executions.forms import AnswerForm, CompiledForm, compile_question
from executions.live import publish
from executions.models import Draft, Question
from executions.web.requester import person
from providers import registry
from providers.sealing import SealError, seal, unseal

MAX_DRAFT = 20_000_000  # characters, files included
OVERTAKEN = 60_000  # ms by which a request may come late; more is a clock that was set back
PUBLISH_EVERY = timedelta(minutes=1)  # open pages learn that a person is still typing
TRIPLE = ("kind", "schema", "form", "model", "choices")


def prefix_of(question: Question) -> str:
    """In front of every input: a page may hold several forms."""
    return f"q{question.pk}"


def keep(request: HttpRequest, question: Question, compiled: CompiledForm) -> bool:
    """Saves what was posted, apart from secrets, and shows others that a person is on it. False if
    it is too long or was typed into a form nobody knows."""
    posted = request.POST.get("fingerprint", question.fingerprint)
    kept = _opened(request, question)
    if posted == question.fingerprint:
        source, triple = compiled, {name: getattr(question, name) for name in TRIPLE}
    else:
        if kept is None or kept["fingerprint"] != posted:
            return False
        source, triple = _compiled_from(kept), kept["triple"]
    if source.problem:
        return False
    stamp = stamp_of(request)
    if kept is not None and kept["fingerprint"] == posted and is_overtaken(stamp, kept):
        return True
    typed = source.typed(request.POST, request.FILES, prefix_of(question))
    if kept is not None and kept["fingerprint"] == posted:
        # An input that was drawn again comes without the file that was chosen in it.
        before = {name: value for name, value in kept["typed"].items() if _is_file(value)}
        typed = before | typed
    typed = {name: value for name, value in typed.items() if not _is_secret(source, name)}
    if sum(len(str(value)) for value in typed.values()) > MAX_DRAFT:
        return False
    value = {"fingerprint": posted, "triple": triple, "typed": typed, "stamp": stamp}
    now = timezone.now()
    Draft.objects.update_or_create(
        question=question,
        user=person(request),
        defaults={
            "sealed_values": seal(_context(request, question), value),
            "saved_at": now,
        },
    )
    if kept is None or kept["saved_at"] < now - PUBLISH_EVERY:
        publish.publish_questions(question.execution.account_id)
    return True


def saved_at(request: HttpRequest, question: Question) -> datetime | None:
    rows = Draft.objects.filter(question=question, user=person(request))
    return rows.values_list("saved_at", flat=True).first()


def compiled_before(request: HttpRequest, question: Question) -> CompiledForm | None:
    """The form this person typed into, where it was another one than is asked now."""
    kept = _opened(request, question)
    if kept is None or kept["fingerprint"] == question.fingerprint:
        return None
    return _compiled_from(kept)


def posted_form(
    request: HttpRequest, question: Question, compiled: CompiledForm, is_kept: bool
) -> AnswerForm:
    """The form with what was posted, over what was posted into it before."""
    typed = restored(request, question, compiled)[0] if is_kept else None
    return compiled.bind(
        request.POST, request.FILES, typed=typed, prefix=prefix_of(question),
        refuses_empty=refuses_empty(question),
    )  # fmt: skip


def refuses_empty(question: Question) -> bool:
    """Whether the provider takes "" for no answer where a text is needed."""
    adapter = registry.all_adapters().get(question.execution.account.provider)
    return adapter is None or adapter.refuses_empty_texts


def wants_whole(question: Question) -> bool:
    """Whether the provider blanks what an answer leaves out."""
    adapter = registry.all_adapters().get(question.execution.account.provider)
    return adapter is not None and adapter.wants_whole_answers


def restored(
    request: HttpRequest, question: Question, compiled: CompiledForm
) -> tuple[dict[str, Any], datetime | None]:
    """The typed values as this form takes them, and when they were saved."""
    kept = _opened(request, question)
    if kept is None or compiled.problem:
        return {}, None
    typed = dict(kept["typed"])
    if kept["fingerprint"] != question.fingerprint:
        typed = compiled.carry_over(_compiled_from(kept), typed)
    return typed, kept["saved_at"]


def stamp_of(request: HttpRequest) -> list[Any]:
    """In which browser this was typed, and when by that browser's clock, in ms; 0 if not said."""
    text = request.POST.get("typed_at", "")
    at = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0
    return [request.session.session_key, at]


def is_overtaken(stamp: list[Any], kept: dict[str, Any]) -> bool:
    """Whether the same browser has sent something newer already, which came first."""
    browser, at = kept.get("stamp") or ["", 0]
    return bool(at and stamp[1]) and browser == stamp[0] and 0 < at - stamp[1] < OVERTAKEN


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("data:")


def _is_secret(compiled: CompiledForm, name: str) -> bool:
    """A secret comes back to no page, so there is nothing to keep it for."""
    return name.partition("_")[0] in compiled.secret_names


def _opened(request: HttpRequest, question: Question) -> dict[str, Any] | None:
    row = Draft.objects.filter(question=question, user=person(request)).first()
    if row is None:
        return None
    try:
        kept = unseal(_context(request, question), row.sealed_values)
    except SealError:  # a key was removed; the form itself is still good
        return None
    return {**kept, "saved_at": row.saved_at}


def _compiled_from(kept: dict[str, Any]) -> CompiledForm:
    return compile_question(SimpleNamespace(is_answerable=True, title="", **kept["triple"]))


def _context(request: HttpRequest, question: Question) -> str:
    return f"draft:{question.pk}:{request.user.pk}"
