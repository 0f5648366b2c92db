"""The lines of the inbox: what is asked, since when, by which values one knows it, who is on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import BooleanField, F, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Length
from django.http import HttpRequest
from django.utils import timezone

from executions.access.permissions import may_act
from executions.commands.sealed_arguments import worded_arguments
from executions.commands.withdrawal import is_held
from executions.display.command_states import COMMAND_WORDS
from executions.display.formatting import clock
from executions.display.freshness import freshness
from executions.display.people import user_name
from executions.models import (
    OPEN_COMMAND_STATES,
    Command,
    CommandState,
    Draft,
    Execution,
    ExecutionDetail,
    Proposal,
    ProposalState,
    Question,
)
from executions.payloads import telling_paths
from executions.payloads.text_escaping import plain
from executions.search import questions as question_search
from executions.search.filters import provider_name
from executions.web.requester import accounts_of
from providers.contract import Verb

COLUMNS = (
    "title", "kind", "due_at", "is_answerable", "opened_at", "is_opening_reported", "closed_at",
    "claimed_at", "ref", "claimed_by__username", "execution__name", "execution__ref",
    "delegated_at", "delegation_note", "delegated_to__username", "delegated_team__name",
    "delegated_by__username",
    "execution__telling_values", "execution__account_id", "execution__workflow__name",
    "execution__workflow__shown_values", "execution__workflow__learned_values",
    "execution__workflow__hidden_values",
)  # fmt: skip
MAX_SMALL = 4000  # characters of a form whose answer is worded in a line
AT_WORK = timedelta(minutes=10)  # so long after the last key a person counts as being on it
MAX_NAMES = 3
MOST_VALUES = 3  # by which one question is told from another
MAX_INPUT = 2**13  # stored bytes of an input that is looked through for them
MAX_VALUE = 40  # characters of one
MAX_ANSWER = 160  # characters of an answer in a line


def rows_of(found: Any) -> Any:
    """These questions with what a line says of them, joined."""
    joined = found.select_related(
        "execution", "execution__workflow", "claimed_by", "delegated_to", "delegated_team",
        "delegated_by",
    )  # fmt: skip
    return joined.only(*COLUMNS).annotate(form_key=question_search.form_key())


def lines_of(request: HttpRequest, rows: Sequence[Question]) -> list[dict[str, Any]]:
    """Four queries, however many rows."""
    given = _inputs({row.execution_id for row in rows})
    present = presence_of([row.pk for row in rows])
    held = _held([row.pk for row in rows])
    answers = _newest_answers(rows)
    worded = [row.pk for row in rows if (row.execution_id, row.ref) in answers or row.pk in held]
    small = small_forms(worded)
    return [
        _line(
            request, row, answers.get((row.execution_id, row.ref)), present.get(row.pk, []),
            small.get(row.pk), held.get(row.pk), given.get(row.execution_id),
        )
        for row in rows
    ]  # fmt: skip


def presence_of(ids: Iterable[int]) -> dict[int, list[tuple[int, str, datetime]]]:
    """Who has typed into these questions and when last, by question: never what. One query."""
    found: dict[int, list[tuple[int, str, datetime]]] = {}
    rows = Draft.objects.filter(question__in=list(ids), question__closed_at__isnull=True)
    for pk, user, name, at in rows.order_by("-saved_at").values_list(
        "question_id", "user_id", "user__username", "saved_at"
    ):
        found.setdefault(pk, []).append((user, name, at))
    return found


def presence_words(
    present: list[tuple[int, str, datetime]], besides: Iterable[int | None]
) -> list[dict[str, Any]]:
    """Everybody's open drafts but those of `besides`, as the pages say it."""
    recent = timezone.now() - AT_WORK
    return [
        {"who": name, "at": at, "is_recent": at > recent}
        for user, name, at in present
        if user not in set(besides)
    ][:MAX_NAMES]


def _line(
    request: HttpRequest, row: Question, answer: Command | None,
    present: list[tuple[int, str, datetime]], small: Question | None,
    held: Proposal | None, given: Any,
) -> dict[str, Any]:  # fmt: skip
    run, now, me = row.execution, timezone.now(), request.user.pk
    account = accounts_of(request)[run.account_id]
    fresh = freshness(account, now)
    sent = answer if answer and answer.state in OPEN_COMMAND_STATES else None
    refused = answer if answer and answer.state == CommandState.REJECTED else None
    answer_text = answer_words(answer, small) if answer else ""
    others = presence_words(present, (me, row.claimed_by_id))
    return {
        "id": row.pk,
        "title": plain(row.title, 160) or "Input is needed",
        "values": _values(run, given),
        "account": account.name,
        "provider": provider_name(account.provider),
        "opened": row.opened_at,
        "is_opened_before": not row.is_opening_reported,
        "due": row.due_at,
        "is_overdue": row.due_at is not None and row.due_at < now,
        "is_answerable": row.is_answerable,
        "is_selectable": row.is_answerable
        and not (row.closed_at or sent or held)
        and may_act(request.user, run.account_id),
        "form_key": f"{run.workflow_id}-{row.form_key}",  # type: ignore[attr-defined]
        **_held_words(held, small, me),
        "claimed_by": row.claimed_by.get_username() if row.claimed_by else "",
        "claimed": row.claimed_at,
        "is_mine": row.claimed_by_id == me,
        **delegation_words(row, me),
        "is_free": not (row.claimed_by or row.delegate or others or refused or held),
        "present": others,
        "is_taken": bool(row.claimed_by_id or any(each["is_recent"] for each in others)),
        "draft": next((at for user, _, at in present if user == me), None),
        "sent": COMMAND_WORDS[sent.state] if sent else "",
        "sent_by": user_name(sent.requested_by) if sent else "",
        "sent_words": answer_text if sent else "",
        "until": sent.not_before if sent and is_held(sent) else None,
        "refused": plain(refused.message, 200) if refused and not row.closed_at else "",
        "refused_by": user_name(refused.requested_by) if refused else "",
        "closed": _closed_words(row, answer, answer_text),
        "as_of": fresh.as_of if fresh.is_stale else "",
    }


def delegation_words(question: Question, me: int | None) -> dict[str, Any]:
    """To whom a question is delegated, by whom, since when and with which note, as pages say it."""
    to = question.delegate
    if to is None:
        return {"delegate": ""}
    is_own = question.delegated_to_id == me
    return {
        "delegate": "you" if is_own else name_of(to),
        "is_delegated_away": question.delegated_to_id is not None and not is_own,
        "delegated_by": user_name(question.delegated_by),
        "delegated_at": question.delegated_at,
        "delegation_note": question.delegation_note,
    }


def name_of(delegate: User | Group) -> str:
    return delegate.get_username() if isinstance(delegate, User) else f"team {delegate.name}"


def _held(ids: Iterable[int]) -> dict[int, Proposal]:
    """What waits for a second person, by question. One query."""
    rows = Proposal.objects.filter(
        question__in=list(ids), state=ProposalState.HELD, requested_at__gte=F("question__seen_at"),
        question__closed_at__isnull=True,
    ).select_related("requested_by")  # fmt: skip
    return {row.question_id: row for row in rows}


def _held_words(held: Proposal | None, small: Question | None, me: int | None) -> dict[str, Any]:
    if held is None:
        return {"proposed_by": "", "is_own_proposal": False}
    return {
        "proposed_by": user_name(held.requested_by),
        "proposed_at": held.requested_at,
        "proposed": answer_words(held, small) or "an answer",
        "is_own_proposal": held.requested_by_id == me,
    }


def _inputs(ids: Iterable[int]) -> dict[int, Any]:
    """The inputs of these runs, without large ones. One query."""
    is_small = RawSQL("pg_column_size(input) < %s", [MAX_INPUT], BooleanField())
    rows = ExecutionDetail.objects.filter(is_small, pk__in=list(ids))
    return dict(rows.values_list("pk", "input"))


def _values(run: Execution, given: Any) -> list[str]:
    """By which a person knows the run, and of its input what else tells it from others like it;
    where there are few of them, its workflow too."""
    flow = run.workflow
    chosen = [*flow.shown_values, *(p for p in flow.learned_values if p not in flow.hidden_values)]
    values = [plain(each, 80) for each in run.telling_values]
    seen = {*(each.lower() for each in values), flow.name.lower()}
    for path, value in telling_paths.of_one(given, chosen):
        text = plain(str(value).strip(), MAX_VALUE)
        if len(values) == MOST_VALUES:
            break
        if text and text.lower() not in seen and path not in flow.hidden_values:
            seen.add(text.lower())
            is_number = not isinstance(value, str)
            values.append(f"{words_of(path.rpartition('/')[2])} {text}" if is_number else text)
    values = values or [plain(run.label, 160)]
    return values if len(values) > 2 else [*values, plain(flow.name, 160) or "(no name)"]


def words_of(path: str) -> str:
    """`order/costCentre` as people read it: `Order, cost centre`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", path.replace("/", ", "))
    words = re.sub(r"[_\-\s]+", " ", apart).strip()
    return plain(words[:1].upper() + words[1:].lower() if words else path, 80)


def answer_words(answer: Command | Proposal, small: Question | None) -> str:
    """What an answer said, in a few words: the value alone where there is only one. `small` is its
    question; of a large form nothing is said in a line."""
    if small is None or not answer.sealed_arguments:
        return ""
    pairs = [(title, text) for title, text in worded_arguments(answer, small) if text]
    words = [text for _, text in pairs] if len(pairs) == 1 else [f"{t}: {x}" for t, x in pairs]
    return plain(", ".join(words), MAX_ANSWER)


def _closed_words(row: Question, answer: Command | None, answer_text: str) -> str:
    if row.closed_at is None:
        return ""
    if answer is not None and answer.state == CommandState.CONFIRMED:
        what = f": {answer_text}" if answer_text else ""
        return f"answered by {user_name(answer.requested_by)} {clock(row.closed_at)}{what}"
    return f"answered elsewhere or no longer asked {clock(row.closed_at)}"


def _newest_answers(rows: Iterable[Question]) -> dict[tuple[int | None, str], Command]:
    found: dict[tuple[int | None, str], Command] = {}
    answers = Command.objects.filter(
        kind=Verb.ANSWER.value, execution_id__in={row.execution_id for row in rows}
    )
    answers = answers.exclude(state=CommandState.WITHDRAWN)
    for command in answers.select_related("requested_by").order_by("requested_at"):
        found[command.execution_id, command.question_ref] = command
    return found


def small_forms(ids: Iterable[int]) -> dict[int, Question]:
    """Those of these questions whose form is small enough for a line, whole. One query."""
    sizes = sum(
        (Coalesce(Length(part), Value(0)) for part in ("form", "model")),
        start=Coalesce(Length("schema"), Value(0)),
    )
    found = Question.objects.filter(pk__in=list(ids)).annotate(size=sizes)
    return {row.pk: row for row in found.filter(size__lt=MAX_SMALL)}
