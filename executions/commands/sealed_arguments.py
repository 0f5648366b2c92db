"""What a command carries: the values of an answer or a start, sealed: they may hold anything."""

from __future__ import annotations

from typing import Any, cast

from executions.forms import CompiledForm, compile_question
from executions.models import Command, Proposal, Question
from providers import sealing
from providers.contract import Verb
from providers.redaction import MASK, NOTHING
from providers.sealing import SealError


def seal(command: Command | Proposal, arguments: dict[str, Any]) -> None:
    """Into the command, bound to it; not saved."""
    command.sealed_arguments = sealing.seal(f"command:{command.key}", arguments)


def unseal(command: Command | Proposal) -> dict[str, Any]:
    """`values`, and for an answer `fingerprint` and `secrets`. Raises SealError."""
    if not command.sealed_arguments:
        return {}
    return dict(sealing.unseal(f"command:{command.key}", command.sealed_arguments))


def secrets_of(command: Command) -> set[str]:
    """The secret values of an answer, as its form named them when it was recorded."""
    try:
        return set(unseal(command).get("secrets", ()))
    except SealError:
        return set()


def worded_arguments(
    command: Command | Proposal, question: Question | None = None
) -> list[tuple[str, str]]:
    """The values of an answer or a start for display, secret ones masked: titles for names, labels
    for values. `question` is the answered one where the caller has it."""
    try:
        arguments = unseal(command)
    except SealError:
        return []
    values = arguments.get("values", {})
    if command.kind != Verb.ANSWER:
        titles = arguments.get("titles", {})
        shown = cast(dict[str, Any], NOTHING.redact(values))
        return [(titles.get(name, name), _value_text(value)) for name, value in shown.items()]
    form = _form_of(command, arguments, question)
    if form is None:
        return [(name, MASK) for name in values]
    return form.in_words(NOTHING.redact(form.masked(values)))


def _value_text(value: Any) -> str:
    """`claim: CLM-87271; paid: yes` for an object, `a, b` for a list."""
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_value_text(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_value_text(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _form_of(
    command: Command | Proposal, arguments: dict[str, Any], question: Question | None
) -> CompiledForm | None:
    """The form that was filled in. Only it knows which fields are secret: without it no value is
    shown."""
    if question is None:
        if isinstance(command, Proposal):
            question = command.question
        else:
            asked = Question.objects.filter(execution_id=command.execution_id or 0)
            question = asked.filter(ref=command.question_ref).first()
    fingerprint = arguments.get("fingerprint", "")
    if question is None or (fingerprint and question.fingerprint != fingerprint):
        return None
    return compile_question(question)
