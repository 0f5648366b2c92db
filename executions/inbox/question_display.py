"""A question as pages show it: its form with what was typed, and what a person must know first.

A form that a person types in is never replaced. If the question was answered elsewhere or changed
meanwhile, a notice above it says so.
"""

from __future__ import annotations

import uuid
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from executions.access.permissions import may_act, visible_executions
from executions.commands.display import argument_pairs, by_whom
from executions.commands.eligibility import held_proposal, needs_two
from executions.commands.withdrawal import is_held
from executions.display.command_states import COMMAND_WORDS
from executions.display.formatting import stamped
from executions.display.id_params import row_id
from executions.display.people import user_name
from executions.forms import CompiledForm, compile_question
from executions.forms.compiled_form import QuickChoice
from executions.inbox import drafts
from executions.inbox.question_rows import delegation_words, presence_of, presence_words
from executions.models import (
    OPEN_COMMAND_STATES,
    Command,
    CommandState,
    Execution,
    Proposal,
    ProposalState,
    Question,
)
from executions.payloads.text_escaping import plain
from executions.web.fragments import Fragment, fragment
from providers import exact_json
from providers.contract import Verb

MAX_RAW = 50_000  # characters of the triple on the page
MAX_QUESTIONS = 20  # of one run, on its page
PEOPLE = ("claimed_by", "delegated_to", "delegated_team", "delegated_by")  # of a question
OPEN_STATES = frozenset(str(state) for state in OPEN_COMMAND_STATES)


def get_question(request: HttpRequest, pk: int) -> Question:
    return get_object_or_404(visible_questions(request), pk=pk)


def visible_questions(request: HttpRequest) -> QuerySet[Question]:
    found = Question.objects.select_related(
        "execution", "execution__account", "execution__workflow", *PEOPLE
    )
    return found.filter(execution__in=visible_executions(request.user).values("pk"))


def intent_key(request: HttpRequest) -> uuid.UUID | None:
    """The key of the rendered form: the same one sent twice is one command."""
    try:
        return uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        return None


def questions_of(request: HttpRequest, run: Execution) -> list[dict[str, Any]]:
    rows = run.questions.filter(closed_at__isnull=True).select_related(*PEOPLE)
    return [question_view(request, row) for row in rows.order_by("opened_at", "pk")[:MAX_QUESTIONS]]


def shown_forms(request: HttpRequest) -> dict[int, str]:
    """The forms that an open page shows (`questions=id:fingerprint,...`)."""
    shown: dict[int, str] = {}
    for part in request.GET.get("questions", "").split(",")[:50]:
        number, _, known = part.partition(":")
        if (pk := row_id(number)) is not None:
            shown[pk] = known
    return shown


def question_fragments(request: HttpRequest, run: Execution) -> list[Fragment]:
    """For the questions that the page of a run shows all but the form; and the forms of those that
    it does not show yet."""
    shown = shown_forms(request)
    fragments = []
    for row in run.questions.filter(pk__in=list(shown)).select_related(*PEOPLE):
        fragments += fragments_of(request, row, shown[row.pk])
    fresh = run.questions.filter(closed_at__isnull=True).exclude(pk__in=list(shown))
    for row in fresh.select_related(*PEOPLE)[:MAX_QUESTIONS]:
        html = fragment(
            request, "executions/inbox/_question.html", {"q": question_view(request, row)}
        )
        fragments.append(Fragment("#questions", html, "beforeend"))
    return fragments


def fragments_of(
    request: HttpRequest, row: Question, known: str, *, query: str = "", complaint: str = ""
) -> list[Fragment]:
    """Head, notice, claim and buttons of a question whose form stays as it is on an open page;
    `known` is the fingerprint of that form, `query` the filters of the inbox that it is shown in,
    `complaint` what could not be done a moment ago."""
    view = {**question_view(request, row), "complaint": complaint}
    view["notice"] = notice_of(request, row, known, view["compiled"])
    view["may_send"] &= known == row.fingerprint  # its buttons would mean something else
    context, parts = {"q": view, "query": query}, ("head", "notice", "claim", "send")
    return [
        Fragment(
            f"#question-{row.pk}-{name}",
            fragment(request, f"executions/inbox/_question_{name}.html", context),
        )
        for name in parts
    ]


def question_view(
    request: HttpRequest,
    question: Question,
    compiled: CompiledForm | None = None,
    form: Any = None,
) -> dict[str, Any]:
    """Everything the form's fragment prints. Without `form`, the draft is in the fields."""
    compiled = compiled or compile_question(question)
    saved_at, is_restored = None, form is None
    may = may_act(request.user, question.execution.account_id)
    command = newest_answer(question)
    sent = _sent(question, command)
    if form is None and not compiled.problem and may:
        form, saved_at = _restored_form(request, question, compiled, command)
        form = None if sent and saved_at is None else form
    elif form is not None:  # typed a moment ago
        saved_at = drafts.saved_at(request, question)
    is_open = question.closed_at is None and question.is_answerable and not compiled.problem
    is_sent = command is not None and command.state in OPEN_STATES
    is_done = command is not None and command.state == CommandState.CONFIRMED
    is_mine = question.claimed_by_id == request.user.pk
    held = held_now(question)
    url = question.url or question.execution.url
    return {
        "question": question,
        "title": plain(question.title) or "Input is needed",
        "description": plain(question.description, 5000),
        "problem": compiled.problem,
        "compiled": compiled,
        "form": form,
        "quick_choices": _in_places(compiled.quick_choices) if is_open else [],
        "by_keys": _by_keys(compiled.quick_choices),
        "unseen": ",".join(sorted(compiled.secret_names)),
        "has_elsewhere": form is not None and form.has_elsewhere,
        "redraw_url": reverse("executions:draft", args=[question.pk]),
        "notice": notice_of(request, question, question.fingerprint, compiled),
        "present": present_besides(request, question),
        "may_act": may,
        "is_open": is_open,
        "may_send": is_open and not is_sent and held is None,
        "needs_two": is_open and not is_sent and held is None and needs_two(question),
        "sent": sent,
        "draft_saved": saved_at if is_restored and not (is_sent or is_done) else None,
        "draft_ms": int(saved_at.timestamp() * 1000) if saved_at else 0,
        "opened": question.opened_at,
        "is_opened_before": not question.is_opening_reported,
        "closed": question.closed_at,
        "due": question.due_at,
        "is_overdue": question.due_at is not None and question.due_at < timezone.now(),
        "workflow": plain(question.execution.workflow.name, 160) or "(no name)",
        "account": question.execution.account.name,
        "label": plain(question.execution.label, 160),
        "assignees": [plain(name, 80) for name in question.assignees],
        "own_page": question.url if question.url.startswith(("http://", "https://")) else "",
        "is_mine": is_mine,
        **delegation_words(question, request.user.pk),
        "claim_url": reverse(f"executions:{'release' if is_mine else 'claim'}", args=[question.pk]),
        "is_sent": is_sent,
        "key": str(uuid.uuid4()),
        "note": _note_taken_back(request, question, command) if form is not None else "",
        "raw": _raw(question, compiled),
        "link": url if url.startswith(("http://", "https://")) else "",
    }


def _note_taken_back(request: HttpRequest, question: Question, newest: Command | None) -> str:
    """What stood beside the answer that this person has undone; it is in no draft."""
    undone = Command.objects.filter(
        target=f"question:{question.pk}", state=CommandState.WITHDRAWN, requested_by=request.user.pk
    )
    last = undone.order_by("-requested_at").first()
    is_newest = last is not None and (newest is None or newest.requested_at < last.requested_at)
    return last.reason if last is not None and is_newest else ""


def _in_places(choices: list[QuickChoice]) -> list[QuickChoice]:
    """From left to right: what is dangerous, then the others, the first one at the end."""
    return [
        *(each for each in choices if each[2]),
        *(each for each in reversed(choices) if not each[2]),
    ]


def _by_keys(choices: list[QuickChoice]) -> str | None:
    """The choice that the keys for sending mean: none where several are as good."""
    harmless = [value for value, _, is_dangerous in choices if not is_dangerous]
    return harmless[0] if len(harmless) == 1 else None


def present_besides(request: HttpRequest, question: Question) -> list[dict[str, Any]]:
    """Who else has typed into it; the claimant is named by the notice already."""
    present = presence_of([question.pk]).get(question.pk, [])
    return presence_words(present, (request.user.pk, question.claimed_by_id))


def notice_of(
    request: HttpRequest, question: Question, known: str, compiled: CompiledForm
) -> dict[str, Any]:
    """What the person in front of the form must know before going on; empty if nothing."""
    command = newest_answer(question)
    state = command.state if command else ""
    by = by_whom(command) if command else ""
    message = plain(command.message) if command else ""
    if question.closed_at:
        at = stamped(question.closed_at)
        if state == CommandState.CONFIRMED:
            return {"lamp": "done", "text": f"Answered by {by}, confirmed {at}."}
        text = f"This question was answered elsewhere or is no longer asked since {at}. "
        return {"lamp": "warning", "text": f"{text}What you typed is kept below for copying."}
    if state in OPEN_STATES:
        word = COMMAND_WORDS.get(state, state)
        if command is not None and is_held(command):
            return {"lamp": "active", "text": f"Answer of {by}.", "undo": undo_of(request, command)}
        return {"lamp": "active", "text": f"Answer of {by}: {word}. Waiting for the provider."}
    if held := held_now(question):
        return proposal_notice(request, question, held, compiled)
    if known != question.fingerprint:
        text = "The provider changed this form. What you typed is kept: open the new form."
        return {"lamp": "warning", "text": text, "is_changed": "1"}
    if state == CommandState.REJECTED and command is not None:
        text = f"The provider refused the answer of {by}: {message} Correct it and send it again."
        return {
            "lamp": "failed",
            "text": text,
            "complaints": _complaints(command, compiled, question),
        }
    if back := _given_back(question, command):
        who, of = user_name(back.decided_by), user_name(back.requested_by)
        why = plain(back.sentence)
        text = f"{who} gave back the answer of {of}: “{why}” Change it, then send it again."
        return {"lamp": "warning", "text": text}
    if state == CommandState.NEEDS_PERSON:
        text = f"It is not known whether the answer of {by} arrived: {message}"
        text += " Check at the provider, then send it again."
        return {"lamp": "warning", "text": text}
    if question.claimed_by_id and question.claimed_by_id != request.user.pk:
        who = question.claimed_by.get_username() if question.claimed_by else ""
        return {
            "lamp": "needs_you",
            "text": f"{who} is on it since {stamped(question.claimed_at)}.",
            "holder": who,
        }
    return {}


def held_now(question: Question) -> Proposal | None:
    """What waits for a second person, read once per question."""
    if not hasattr(question, "_held"):
        held = held_proposal(question) if question.closed_at is None else None
        question._held = held  # type: ignore[attr-defined]
    return cast("Proposal | None", question._held)  # type: ignore[attr-defined]


def proposal_notice(
    request: HttpRequest, question: Question, held: Proposal, compiled: CompiledForm
) -> dict[str, Any]:
    """Who proposed what, and what the person may do about it."""
    is_own = held.requested_by_id == request.user.pk
    may = may_act(request.user, question.execution.account_id)
    pairs = [] if compiled.problem else argument_pairs(held, question)
    return {
        "lamp": "needs_you",
        "text": f"Waits for a second person: {user_name(held.requested_by)} proposed",
        "proposal": {
            "key": str(held.key),
            "at": held.requested_at,
            "pairs": [(title, text) for title, text in pairs if text],
            "note": plain(held.reason),
            "is_own": is_own,
            "may_decide": may and not is_own,
            "may_withdraw": may and is_own,
        },
    }


def _given_back(question: Question, newest: Command | None) -> Proposal | None:
    """The last proposal of this asking, where a second person has given it back."""
    rows = Proposal.objects.filter(question=question, requested_at__gte=question.seen_at)
    last = rows.select_related("requested_by", "decided_by").order_by("-requested_at").first()
    if last is None or last.state != ProposalState.RETURNED:
        return None
    return last if newest is None or newest.requested_at < last.requested_at else None


def undo_of(request: HttpRequest, command: Command) -> dict[str, Any]:
    """When an answer that waits for an undo is sent, and the way to take it back; nothing of one
    that does not wait."""
    if not is_held(command):
        return {}
    people = (command.requested_by_id, command.agreed_by_id)
    is_own = request.user.pk in people and may_act(request.user, command.account_id)
    address = reverse("executions:command-undo", args=[command.pk])
    sending = reverse("executions:command-sending", args=[command.pk])
    return {"until": command.not_before, "may": is_own, "url": address, "sending": sending}


def newest_answer(question: Question) -> Command | None:
    """The last answer given here, read once per question."""
    if not hasattr(question, "_newest_answer"):
        answers = Command.objects.filter(
            execution_id=question.execution_id, kind=Verb.ANSWER.value, question_ref=question.ref,
            requested_at__gte=question.seen_at,  # an earlier one answered an earlier asking
        ).exclude(state=CommandState.WITHDRAWN).order_by("-requested_at")  # fmt: skip
        question._newest_answer = answers.select_related("requested_by").first()  # type: ignore[attr-defined]
    return cast("Command | None", question._newest_answer)  # type: ignore[attr-defined]


def _sent(question: Question, command: Command | None) -> list[tuple[str, str]]:
    """What a confirmed answer said, secrets masked."""
    if question.closed_at is None or command is None or command.state != CommandState.CONFIRMED:
        return []
    return argument_pairs(command, question)


def _complaints(
    command: Command, compiled: CompiledForm, question: Question
) -> list[tuple[str, str, str]]:
    """The provider's complaints: id of the field, its title, words. No id where none fits."""
    if compiled.problem or not command.fields:
        return []
    form = compiled.bind(prefix=drafts.prefix_of(question))
    found = []
    for path, text in command.fields.items():
        name = compiled.field_for(path, form)
        anchor = f"field_{form.add_prefix(name)}" if name else ""
        title = form.title_of(name) if name else plain(str(path), 100)
        found.append((anchor, title, plain(str(text), 500)))
    return found[:50]


def _restored_form(
    request: HttpRequest, question: Question, compiled: CompiledForm, newest: Command | None
) -> tuple[Any, Any]:
    """The form with the draft in it, and with the provider's complaints about the last answer."""
    typed, saved_at = drafts.restored(request, question, compiled)
    prefix = drafts.prefix_of(question)
    if typed and newest and newest.state == CommandState.REJECTED and newest.fields:
        posted = {f"{prefix}-{name}": value for name, value in typed.items()}
        form = compiled.bind(posted, prefix=prefix, refuses_empty=drafts.refuses_empty(question))
        compiled.show_errors(form, newest.fields)
        return form, saved_at
    return compiled.bind(typed=typed or None, prefix=prefix), saved_at


def _raw(question: Question, compiled: CompiledForm) -> list[tuple[str, str]]:
    """The parts as they came, secrets masked, each cut to what a page can hold."""
    parts = {**compiled.masked_triple(question), "choices": question.choices}
    return [(name, _as_text(part)) for name, part in parts.items() if part not in (None, [], "")]


def _as_text(part: Any) -> str:
    text = part if isinstance(part, str) else exact_json.written(part, indent=True)
    more = len(text) - MAX_RAW
    return plain(text, MAX_RAW) + (f"\n({more:,} more characters)" if more > 0 else "")
