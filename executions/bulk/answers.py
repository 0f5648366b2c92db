"""One answer for many questions that ask with the same form: what is asked, which of the questions
can take the answer, and the body of each.

The shared form is theirs without what the provider filled in for one run alone. What a person
leaves as it is keeps the value that each question came with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest

from executions.commands.eligibility import answers_under_way, why_not_answered
from executions.commands.submit import NotPossible
from executions.forms import AnswerForm, CompiledForm, compile_question
from executions.inbox.drafts import MAX_DRAFT, refuses_empty, wants_whole
from executions.models import Batch, BatchItem, BatchState, ItemState, Question
from executions.payloads.text_escaping import plain
from executions.search.questions import form_key
from providers.models import ProviderAccount
from providers.redaction import NOTHING
from providers.sealing import SealError, seal, unseal

PREFIX = "all"  # in front of every input of the shared form
PARTS = ("kind", "title", "description", "schema", "form", "choices")
OTHER_FORM = "It asks with another form."


def asked_by(questions: Sequence[Question], key: str) -> dict[str, Any]:
    """What these questions of one form ask, to be kept with a batch. What the provider filled in
    is kept where it is the same for all."""
    first = questions[0]
    is_same = len({each.fingerprint for each in questions}) == 1
    parts = {name: getattr(first, name) for name in PARTS}
    return {**parts, "model": first.model if is_same else None, "form_key": key}


def assessed(
    ids: Sequence[int], key: str, accounts: Mapping[int, ProviderAccount], user: User | None
) -> list[tuple[Question, str]]:
    """These questions in this order, each with the reason why this person cannot answer it along
    with the others now, "" if they can. Two queries."""
    found = Question.objects.filter(pk__in=ids, execution__account_id__in=list(accounts))
    found = found.annotate(form_key=form_key()).select_related("execution", "claimed_by")
    rows = found.defer("schema", "form", "model", "description").in_bulk()
    under_way = answers_under_way(rows)
    return [
        (row, _why_not(row, key, accounts[row.execution.account_id], under_way, user))
        for pk in ids
        if (row := rows.get(pk)) is not None
    ]


def _why_not(
    row: Question,
    key: str,
    account: ProviderAccount,
    under_way: Mapping[int, str],
    user: User | None,
) -> str:
    if row.closed_at is None and row.form_key != key:  # type: ignore[attr-defined]
        return OTHER_FORM
    return why_not_answered(row, account, under_way, user)


def shared_form(batch: Batch) -> CompiledForm:
    asked = {name: value for name, value in batch.asked.items() if name != "form_key"}
    return compile_question(SimpleNamespace(is_answerable=True, **asked))


# ------------------------------------------------------------------------------------ what is typed


def posted_form(request: HttpRequest, batch: Batch, compiled: CompiledForm) -> AnswerForm:
    """The form with what was posted, over what was posted into it before."""
    return compiled.bind(
        request.POST, request.FILES, typed=kept(batch), prefix=PREFIX,
        refuses_empty=refuses_empty(_one_of(batch)),
    )  # fmt: skip


def typed_in(request: HttpRequest, batch: Batch, compiled: CompiledForm) -> dict[str, Any]:
    """What the person has typed or chosen, without the fields that were left as they are."""
    typed = kept(batch) | compiled.typed(request.POST, request.FILES, PREFIX)
    drawn = compiled.bind(typed=typed).by_name
    return {
        name: value
        for name, value in typed.items()
        if name not in drawn or not drawn[name].is_untouched
    }


def keep(batch: Batch, typed: Mapping[str, Any], compiled: CompiledForm) -> bool:
    """Keeps it with the preview, apart from secrets: those come back to no page. False if it is
    too long."""
    open_values = {
        name: value
        for name, value in typed.items()
        if name.partition("_")[0] not in compiled.secret_names
    }
    if sum(len(str(value)) for value in open_values.values()) > MAX_DRAFT:
        return False
    sealed = sealed_answer(batch, open_values)
    Batch.objects.filter(pk=batch.pk, state=BatchState.DRAFT).update(sealed_answer=sealed)
    batch.sealed_answer = sealed
    return True


def sealed_answer(batch: Batch, typed: Mapping[str, Any]) -> str:
    return seal(_context(batch), dict(typed))


def kept(batch: Batch) -> dict[str, Any]:
    if not batch.sealed_answer:
        return {}
    try:
        return dict(unseal(_context(batch), batch.sealed_answer))
    except SealError:  # a key was removed
        return {}


def in_words(batch: Batch) -> list[tuple[str, str]]:
    """What the answer says, secrets masked, as titles and texts."""
    compiled, typed = shared_form(batch), kept(batch)
    if compiled.problem or not typed:
        return []
    form = compiled.bind(_posted(typed), prefix=PREFIX)
    form.full_clean()
    body = NOTHING.redact(compiled.masked(compiled.body(form)))
    return [
        (plain(title, 80), plain(text, 300)) for title, text in compiled.in_words(body) if text
    ][:50]


# ------------------------------------------------------------------------------- for each question


def body_for(
    question: Question, batch: Batch, typed: Mapping[str, Any]
) -> tuple[CompiledForm, dict[str, Any]]:
    """The form of this question and its whole body. Raises NotPossible with what its own form
    refuses."""
    compiled = compile_question(question)
    if compiled.problem:
        raise NotPossible(compiled.problem)
    given = compiled.carry_over(shared_form(batch), typed)
    form = compiled.bind(_posted(given), prefix=PREFIX, refuses_empty=refuses_empty(question))
    if not form.is_valid():
        general = [str(each) for each in form.non_field_errors()]
        complaints = [*general, *(f"{title}: {text}" for _, title, text in form.error_links)]
        raise NotPossible(" ".join(complaints)[:500])
    return compiled, compiled.body(form, complete=wants_whole(question))


def leave_out_unfit(batch: Batch, typed: Mapping[str, Any]) -> int:
    """Those whose own form refuses this answer are left out, with its words; how many."""
    unfit = []
    waiting = batch.items.filter(state=ItemState.WAITING)
    for item in waiting.select_related("question__execution__account"):
        try:
            body_for(cast(Question, item.question), batch, typed)
        except NotPossible as error:
            item.state, item.message = ItemState.INELIGIBLE, str(error)[:500]
            unfit.append(item)
    BatchItem.objects.bulk_update(unfit, ["state", "message"], 500)
    return len(unfit)


def _posted(typed: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{PREFIX}-{name}": value for name, value in typed.items()}


def _one_of(batch: Batch) -> Question:
    """Of one form are only questions of one workflow, and so of one account."""
    item = batch.items.select_related("question__execution__account").earliest("pk")
    return cast(Question, item.question)


def _context(batch: Batch) -> str:
    return f"batch:{batch.key}"
