"""Places that the command palette leads to: each function gets what was asked and yields places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, IntegerField, QuerySet, When
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone

from executions.access.permissions import may_administer, visible_executions
from executions.bulk import batch_lifecycle, progress
from executions.correlation import key_queries
from executions.correlation.views import key_address
from executions.display.formatting import stamped
from executions.display.id_params import row_id
from executions.display.statuses import STATUS_VIEWS
from executions.errors import groups as error_groups
from executions.models import Execution, SavedView, Workflow
from executions.payloads.business_keys import normalized
from executions.payloads.text_escaping import plain
from executions.runs.page.head import verbs_of
from executions.search import pages as run_pages
from executions.search.filters import parse, provider_name
from executions.search.unicode_spellings import folded, holds
from executions.web.requester import accounts_of, person, sees_all

MOST = 6  # places of one kind
NEWEST = 2000  # runs among which the last part of an identifier is looked for
NEWEST_BATCHES = 100
RUN_PAGE = re.compile(r"^/executions/(\d{1,18})/")
PAGES = (  # (name, address, icon, keys)
    ("Runs", "executions:list", "lamp", "g r"),
    ("Inbox: what waits for a person", "executions:inbox", "hand", "g i"),
    ("Overview: wallboard and charts", "executions:overview", "lamp", "g o"),
    ("Errors: the same error in many runs", "executions:errors", "cross", "g e"),
    ("Business keys: runs of several engines tied together", "executions:keys", "key", "g k"),
    ("My work: what I have taken on or was given", "executions:my-work", "person", "g m"),
    ("Handover: what changed since my last handover", "executions:shift", "again", "g s"),
    ("Workflows", "executions:workflows", "play", "g w"),
    ("Batches: one command for many runs", "executions:batches", "menu", "g b"),
    ("Accounts", "executions:accounts", "key", "g a"),
    ("Notifications: rules, mutes, messages", "executions:notices", "alarm", ""),
    ("Preferences: time zone, density, shortcuts", "executions:preferences", "gear", ""),
    ("What the statuses mean", "executions:statuses", "question", ""),
)


@dataclass(frozen=True)
class Destination:
    """One line of the palette."""

    label: str
    href: str
    icon: str
    detail: str = ""
    lamp: str = ""
    keys: str = ""
    dialog: str = ""
    """Id of a dialog of the open page, which opens instead of going anywhere."""
    names: tuple[str, ...] = ()
    """By which people call it; its label, where that is its name."""

    def rank(self, text: str) -> int:
        """0 where a name is what was asked, 1 where one begins with it, else 2."""
        asked, names = folded(text), [folded(name) for name in self.names or (self.label,)]
        if asked in names:
            return 0
        return 1 if any(name.startswith(asked) for name in names) else 2


@dataclass(frozen=True)
class Asked:
    request: HttpRequest
    text: str
    path: str
    """Of the page on which the palette was opened."""


def acts_here(asked: Asked) -> Iterator[Destination]:
    """What can be asked of the run whose page is open."""
    match = RUN_PAGE.match(asked.path)
    if match is None:
        return
    found = visible_executions(asked.request.user).select_related("account")
    run = found.filter(pk=int(match[1])).first()
    if run is None:
        return
    for verb in verbs_of(asked.request.user, run):
        if not verb["blocked"] and _has(asked.text, verb["label"]):
            yield Destination(
                verb["label"], "#run-head", verb["icon"], plain(run.label, 80),
                dialog=f"dialog-{verb['verb']}",
            )  # fmt: skip


def pages(asked: Asked) -> Iterator[Destination]:
    for label, name, icon, keys in PAGES:
        if _has(asked.text, label):
            names = (label, label.partition(":")[0])
            yield Destination(label, reverse(name), icon, keys=keys, names=names)
    if may_administer(asked.request.user) and _has(asked.text, "Administration"):
        yield Destination("Administration", reverse("admin:index"), "gear")


def runs(asked: Asked) -> Iterator[Destination]:
    """By the identifier of any provider, by our own number, by name."""
    if not asked.text:
        return
    accounts = accounts_of(asked.request)
    query = QueryDict(urlencode({"q": asked.text}))
    all_seen = sees_all(asked.request)
    filters = parse(query, accounts, now=timezone.now(), sees_all=all_seen)
    ids = [*_by_number(asked), *_by_last_part(asked)]
    ids += [run.pk for run in run_pages.page(filters, limit=MOST).rows]
    order = {pk: place for place, pk in reversed(list(enumerate(ids)))}
    for run in sorted(run_pages.load(list(order)), key=lambda run: order[run.pk]):
        status = STATUS_VIEWS[run.status]
        yield Destination(
            f"{plain(run.workflow_name, 80)} {plain(run.label, 80)}",  # type: ignore[attr-defined]
            reverse("executions:detail", args=[run.pk]),
            status.icon,
            f"{status.word}, {accounts[run.account_id].name}",
            status.lamp,
            names=_names_of(run),
        )


def workflows(asked: Asked) -> Iterator[Destination]:
    if not asked.text:
        return
    accounts = accounts_of(asked.request)
    found = Workflow.objects.filter(holds(asked.text, "name"), account_id__in=list(accounts))
    for row in found.order_by(_nearest(asked.text), "name", "pk")[:MOST]:
        account = accounts[row.account_id]
        yield Destination(
            plain(row.name, 100) or "(no name)",
            f"{reverse('executions:list')}?workflow={row.pk}",
            "play",
            f"runs of this workflow, {account.name}",
        )


def accounts(asked: Asked) -> Iterator[Destination]:
    if not asked.text:
        return
    for account in accounts_of(asked.request).values():
        provider = provider_name(account.provider)
        if _has(asked.text, account.name, provider):
            yield Destination(
                account.name, reverse("executions:account", args=[account.pk]), "key", provider
            )


def saved_views(asked: Asked) -> Iterator[Destination]:
    """One's own and those that others share with the person."""
    user = person(asked.request)
    found = SavedView.objects.visible_to(user).select_related("owner")
    found = found.filter(holds(asked.text, "name")).order_by(_nearest(asked.text), "name", "pk")
    for row in found[:MOST]:
        by = "yours" if row.is_of(user) else f"shared by {row.owner.get_username()}"
        yield Destination(row.name, f"{reverse('executions:list')}?view={row.pk}", "star", by)


def same_errors(asked: Asked) -> Iterator[Destination]:
    if not asked.text:
        return
    for key, text, last_at in error_groups.saying(
        asked.text, list(accounts_of(asked.request)), MOST
    ):
        address = reverse("executions:error", args=[key])
        yield Destination(plain(text, 100), address, "cross", f"last {stamped(last_at)}", "failed")


def keys(asked: Asked) -> Iterator[Destination]:
    """Business keys that begin like this."""
    if not normalized(asked.text):
        return
    for found in key_queries.beginning_with(asked.text, list(accounts_of(asked.request)))[:MOST]:
        runs = f"{found.runs} run{'' if found.runs == 1 else 's'}"
        yield Destination(
            plain(found.text, 100), key_address(found.value), "key", f"{plain(found.name)}, {runs}"
        )


def recent_batches(asked: Asked) -> Iterator[Destination]:
    """By number, by what was asked and why, by who asked; among the newest."""
    if not asked.text:
        return
    user = person(asked.request)
    found = batch_lifecycle.visible_batches(user, accounts_of(asked.request))
    for row in found.select_related("requested_by").order_by("-pk")[:NEWEST_BATCHES]:
        line = progress.line_of(asked.request, row)
        did = "prepared" if line["is_draft"] else "requested"
        if _has(asked.text, f"Batch #{row.pk}", line["title"], line["reason"], line["by"]):
            yield Destination(
                f"Batch #{row.pk}: {line['title']}",
                reverse("executions:batch", args=[row.pk]),
                line["icon"],
                f"{line['word']}, {did} by {line['by']} {stamped(line['at'])}",
                names=(f"Batch #{row.pk}", f"#{row.pk}", str(row.pk), line["title"]),
            )


def _has(text: str, *words: str) -> bool:
    return any(folded(text) in folded(word) for word in words)


def _nearest(text: str) -> Case:
    """The order of names that hold the text: as `Destination.rank` has it."""
    return Case(
        When(name__iexact=text, then=0), When(name__istartswith=text, then=1), default=2,
        output_field=IntegerField(),
    )  # fmt: skip


def _names_of(run: Any) -> tuple[str, ...]:
    own = (run.label, run.name, run.ref, run.ref.rpartition("/")[2], str(run.pk), f"#{run.pk}")
    return (*(each for each in own if each), *run.telling_values)


def _by_number(asked: Asked) -> list[int]:
    pk = row_id(asked.text.removeprefix("#"))
    return [] if pk is None else list(_seen(asked).filter(pk=pk).values_list("pk", flat=True))


def _by_last_part(asked: Asked) -> list[int]:
    """Some adapters pack several identifiers into one; people paste the last of them. No index
    serves that, so it is looked for among the newest runs."""
    if len(asked.text) < 3:
        return []
    newest = _seen(asked).order_by("-sort_at", "-pk").values_list("pk", "ref")[:NEWEST]
    return [pk for pk, ref in newest if ref.endswith(f"/{asked.text}")][:MOST]


def _seen(asked: Asked) -> QuerySet[Execution]:
    return visible_executions(asked.request.user)
