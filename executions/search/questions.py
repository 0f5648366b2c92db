"""What waits for a person: one query for the inbox, its badge and its filters, page by page.

The order is the time by which an answer is due, then age. What has no due time comes behind what
has one. Pages go by keyset through one index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlencode

from django.contrib.auth.models import Group
from django.db.models import Count, F, Q, QuerySet, TextField, Value
from django.db.models.functions import MD5, Cast, Concat
from django.http import QueryDict

from executions.display.id_params import row_id
from executions.models import Question, Workflow
from executions.search.cursor import Cursor, Order
from executions.search.unicode_spellings import holds
from providers.models import ProviderAccount

PAGE = 50
MAX_OPTIONS = 200
MAX_TEXT = 200
WHOSE = {"": "All", "mine": "Mine", "team": "My team’s", "unclaimed": "Unclaimed"}
KINDS = {"form": "Forms", "approval": "Approvals"}
KNOWN = {"whose", "account", "workflow", "kind", "q"}
NOT_FILTERS = {
    "after", "before", "stamp", "top", "questions", "lines", "question", "sent",
}  # fmt: skip


class Page(NamedTuple):
    rows: list[Question]
    before: Cursor | None
    """Where the page in front of this one ends; None on the first page."""
    after: Cursor | None


@dataclass
class Wanted:
    """What of the inbox is asked for. What was not understood is in `ignored`, as sentences."""

    accounts: Mapping[int, ProviderAccount]
    sees_all: bool
    whose: str = ""
    account: int | None = None
    workflow: int | None = None
    kind: str = ""
    text: str = ""
    ignored: list[str] = field(default_factory=list)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.whose or self.account or self.workflow or self.kind or self.text)

    def pairs(self) -> dict[str, str]:
        """The canonical query string."""
        given = {
            "whose": self.whose, "account": self.account, "workflow": self.workflow,
            "kind": self.kind, "q": self.text,
        }  # fmt: skip
        return {key: str(value) for key, value in given.items() if value}

    def query(self, **changed: object) -> str:
        """With its question mark; `changed` replaces, an empty value leaves out."""
        pairs = {**self.pairs(), **{key: str(value) for key, value in changed.items()}}
        text = urlencode({key: value for key, value in pairs.items() if value})
        return f"?{text}" if text else ""

    def questions(self, user_id: int | None, *, of_everybody: bool = False) -> QuerySet[Question]:
        found = open_questions(self.accounts, sees_all=self.sees_all)
        if self.account:
            found = found.filter(execution__account_id=self.account)
        if self.workflow:
            found = found.filter(execution__workflow_id=self.workflow)
        if self.kind:
            found = found.filter(kind=self.kind)
        if self.text:
            found = found.filter(
                holds(self.text, "title", "execution__name", "execution__workflow__name")
                | holds(self.text, "execution__ref", how="istartswith")
            )
        return found if of_everybody else found.filter(_whose(self.whose, user_id))


def parse(query: QueryDict, accounts: Mapping[int, ProviderAccount], *, sees_all: bool) -> Wanted:
    """Never raises: a page never fails because of its address."""
    wanted = Wanted(accounts, sees_all)
    for key in query:
        if key not in KNOWN | NOT_FILTERS:
            wanted.ignored.append(f"“{key[:40]}” is not a filter of the inbox.")
    for key, words in (("whose", WHOSE), ("kind", KINDS)):
        value = query.get(key, "")
        if value in words:
            setattr(wanted, key, value)
        elif value and value != "all":
            wanted.ignored.append(f"There is no {key} “{value[:40]}”.")
    for key in ("account", "workflow"):
        value = query.get(key, "")
        number = row_id(value)
        if number is not None and (key == "workflow" or number in accounts):
            setattr(wanted, key, number)
        elif value:
            wanted.ignored.append(f"There is no {key} “{value[:40]}” that you may see.")
    text = " ".join(query.get("q", "").replace("\0", " ").split())
    if len(text) > MAX_TEXT:
        wanted.ignored.append(f"The search text was cut to {MAX_TEXT} characters.")
    wanted.text = text[:MAX_TEXT]
    for key in ("after", "before"):
        value = query.get(key, "")
        if value and cursor_of(value) is None:
            wanted.ignored.append("The page was not understood.")
    return wanted


def open_questions(
    accounts: Mapping[int, ProviderAccount], *, sees_all: bool
) -> QuerySet[Question]:
    """What the inbox lists and its badge counts."""
    found = Question.objects.filter(closed_at__isnull=True)
    return found if sees_all else found.filter(execution__account_id__in=list(accounts))


def form_key() -> MD5:
    """The same for two questions that ask with the same form, whatever the provider filled in. Of
    one workflow, one answer fits both."""
    parts = [Cast(name, TextField()) for name in ("kind", "schema", "form", "choices")]
    between = Value("\n", output_field=TextField())
    joined = [each for part in parts for each in (part, between)]
    return MD5(Concat(*joined, output_field=TextField()))


def in_order(found: QuerySet[Question]) -> QuerySet[Question]:
    """As the inbox lists them."""
    return found.order_by(F("due_at").asc(nulls_last=True), "opened_at", "pk")


def counts(wanted: Wanted, user_id: int | None) -> dict[str, int]:
    """By whose they are, under the same filter. One query over what is open."""
    found = wanted.questions(user_id, of_everybody=True)
    totals = found.aggregate(
        **{f"n_{whose}": Count("pk", filter=_whose(whose, user_id)) for whose in WHOSE}
    )
    return {whose: totals[f"n_{whose}"] for whose in WHOSE}


def page(
    found: QuerySet[Question], cursor: Cursor | None, *, is_back: bool = False, limit: int = PAGE
) -> Page:
    """The questions behind (or in front of) a place in the order."""
    rows = _walk(found, cursor, is_back, limit + 1)
    has_more = len(rows) > limit
    rows = rows[:limit]
    if is_back and cursor is not None:
        rows.reverse()
        before, after = has_more, True
    else:
        before, after = cursor is not None, has_more
    if not rows:
        return Page([], None, None)
    return Page(rows, place_of(rows[0]) if before else None, place_of(rows[-1]) if after else None)


def cursor_of(text: str) -> Cursor | None:
    """A place in the inbox; None for what is none."""
    return Cursor.parse(text, Order.DUE)


def workflows(accounts: Mapping[int, ProviderAccount], *, sees_all: bool) -> list[tuple[int, str]]:
    """Those that ask for something now: what is open is few, compared with all there are."""
    asking = open_questions(accounts, sees_all=sees_all).values("execution__workflow_id")
    found = Workflow.objects.filter(pk__in=asking).order_by("name", "pk")
    return list(found.values_list("pk", "name")[:MAX_OPTIONS])


def place_of(row: Question) -> Cursor:
    """Where in the order of the inbox a question stands."""
    return Cursor(row.opened_at, row.pk, Order.DUE, row.due_at)


def _whose(whose: str, user_id: int | None) -> Q:
    match whose:
        case "mine":
            return Q(claimed_by_id=user_id) | Q(delegated_to_id=user_id)
        case "team":
            return Q(delegated_team__in=Group.objects.filter(user=user_id))
        case "unclaimed":
            return Q(claimed_by__isnull=True, delegated_to__isnull=True)
    return Q(pk__isnull=False)


def _walk(
    found: QuerySet[Question], cursor: Cursor | None, is_back: bool, limit: int
) -> list[Question]:
    """The dated part and the undated one are two ranges of one index; the second is read only
    where the first does not fill the page."""
    dated, undated = found.filter(due_at__isnull=False), found.filter(due_at__isnull=True)
    parts = [(dated, ("due_at", "opened_at", "pk")), (undated, ("opened_at", "pk"))]
    if is_back and cursor is not None:
        parts.reverse()
    if cursor is not None and (cursor.due_at is None) != is_back:
        parts = parts[1:]  # the first part lies behind us
    rows: list[Question] = []
    for part, names in parts:
        is_here = cursor is not None and ("due_at" in names) == (cursor.due_at is not None)
        if cursor is not None and is_here:
            part = part.filter(_beyond(names, cursor, is_back))
        order = [f"-{name}" if is_back and cursor else name for name in names]
        rows += part.order_by(*order)[: limit - len(rows)] if len(rows) < limit else ()
    return rows


def _beyond(names: Sequence[str], cursor: Cursor, is_back: bool) -> Q:
    """Row comparison, written so that the index is entered at the cursor."""
    sign = "lt" if is_back else "gt"
    values = {"due_at": cursor.due_at, "opened_at": cursor.at, "pk": cursor.id}
    beyond, same = Q(), Q()
    for name in names:
        beyond |= same & Q(**{f"{name}__{sign}": values[name]})
        same &= Q(**{name: values[name]})
    return Q(**{f"{names[0]}__{sign}e": values[names[0]]}) & beyond
