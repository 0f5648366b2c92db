"""The command palette: what a person may mean by a few typed letters, as a list to go to.

`SOURCES` names who is asked, in the order of the answer; another kind of place is one more
function in `places`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

<<<<<<< HEAD
from executions.views import places
from executions.views.chrome import fragment, no_store
from executions.views.places import MOST, PAGES, Asked, Place
=======
from executions import finding
from executions.filters import parse, provider_name
from executions.models import Execution, Workflow
from executions.roles import may_administer, visible_executions
from executions.views.chrome import accounts_of, fragment, no_store, sees_all
from executions.views.details import verbs_of
from executions.wording import STATUS_VIEWS, plain

MOST = 6  # places of one kind
LIMITS = {"Pages": 20}  # all of them: the palette is the map of the site
NEWEST = 2000  # runs among which the last part of an identifier is looked for
RUN_PAGE = re.compile(r"^/executions/(\d{1,18})/")
PAGES = (  # (name, address, icon, keys)
    ("Runs", "executions:list", "lamp", "g r"),
    ("Overview: every workflow, charts", "executions:overview", "star", "g o"),
    ("Inbox: what waits for a person", "executions:inbox", "hand", "g i"),
    ("Errors: the same error in many runs", "executions:errors", "cross", "g e"),
    ("Keys: one order through many engines", "executions:keys", "key", "g k"),
    ("Workflows", "executions:workflows", "play", "g w"),
    ("Batches: many runs at once", "executions:batches", "tick", "g b"),
    ("Accounts", "executions:accounts", "outside", "g a"),
    ("Shift: what changed since I was here", "executions:shift", "again", "g s"),
    ("Notifications: who is told what", "executions:notices", "alarm", ""),
    ("Preferences: time zone, density, shortcuts", "executions:preferences", "gear", ""),
    ("What the statuses mean", "executions:statuses", "question", ""),
)


@dataclass(frozen=True)
class Place:
    """One line of the palette."""

    label: str
    href: str
    icon: str
    detail: str = ""
    lamp: str = ""
    keys: str = ""
    dialog: str = ""
    """Id of a dialog of the open page, which opens instead of going anywhere."""


@dataclass(frozen=True)
class Asked:
    request: HttpRequest
    text: str
    path: str
    """Of the page on which the palette was opened."""

>>>>>>> screens

Source = Callable[[Asked], Iterable[Place]]

SOURCES: tuple[tuple[str, Source], ...] = (
    ("This run", places.acts_here),
    ("Pages", places.pages),
    ("Views", places.saved_views),
    ("Runs", places.runs),
    ("Keys", places.keys),
    ("Errors", places.same_errors),
    ("Workflows", places.workflows),
    ("Accounts", places.accounts),
    ("Batches", places.recent_batches),
)


@require_GET
def palette(request: HttpRequest) -> HttpResponse:
    text = " ".join(request.GET.get("q", "").replace("\0", " ").split())[:200]
    asked = Asked(request, text, request.GET.get("at", "")[:200])
<<<<<<< HEAD
    most = MOST if text else len(PAGES) + 1  # at first every page there is
    groups = [(name, list(islice(source(asked), most))) for name, source in SOURCES]
    numbered = _numbered([(name, found) for name, found in groups if found])
=======
    groups = [
        (name, list(islice(source(asked), LIMITS.get(name, MOST)))) for name, source in SOURCES
    ]
    numbered = _numbered([(name, places) for name, places in groups if places])
>>>>>>> screens
    context = {"groups": numbered, "q": text}
    return no_store(HttpResponse(fragment(request, "executions/_palette_found.html", context)))


<<<<<<< HEAD
=======
def acts_here(asked: Asked) -> Iterator[Place]:
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
            yield Place(
                verb["label"], "#run-head", verb["icon"], plain(run.name or run.ref, 80),
                dialog=f"dialog-{verb['verb']}",
            )  # fmt: skip


def pages(asked: Asked) -> Iterator[Place]:
    for label, name, icon, keys in PAGES:
        if _has(asked.text, label):
            yield Place(label, reverse(name), icon, keys=keys)
    if may_administer(asked.request.user) and _has(asked.text, "Administration"):
        yield Place("Administration", reverse("admin:index"), "gear")


def runs(asked: Asked) -> Iterator[Place]:
    """By the identifier of any provider, by our own number, by name."""
    if not asked.text:
        return
    accounts = accounts_of(asked.request)
    query = QueryDict(urlencode({"q": asked.text}))
    all_seen = sees_all(asked.request)
    filters = parse(query, accounts, now=timezone.now(), sees_all=all_seen)
    ids = [*_by_number(asked), *_by_last_part(asked)]
    ids += [run.pk for run in finding.page(filters, limit=MOST).rows]
    order = {pk: place for place, pk in reversed(list(enumerate(ids)))}
    for run in sorted(finding.load(list(order)), key=lambda run: order[run.pk]):
        status = STATUS_VIEWS[run.status]
        yield Place(
            f"{plain(run.workflow_name, 80)} {plain(run.name or run.ref, 80)}",  # type: ignore[attr-defined]
            reverse("executions:detail", args=[run.pk]),
            status.icon,
            f"{status.word}, {accounts[run.account_id].name}",
            status.lamp,
        )


def workflows(asked: Asked) -> Iterator[Place]:
    if not asked.text:
        return
    accounts = accounts_of(asked.request)
    found = Workflow.objects.filter(account_id__in=list(accounts), name__icontains=asked.text)
    for row in found.order_by("name", "pk")[:MOST]:
        account = accounts[row.account_id]
        yield Place(
            plain(row.name, 100) or "(no name)",
            f"{reverse('executions:list')}?workflow={row.pk}",
            "play",
            f"runs of this workflow, {account.name}",
        )


def accounts(asked: Asked) -> Iterator[Place]:
    if not asked.text:
        return
    for account in accounts_of(asked.request).values():
        provider = provider_name(account.provider)
        if _has(asked.text, account.name, provider):
            yield Place(
                account.name, reverse("executions:account", args=[account.pk]), "key", provider
            )


SOURCES: tuple[tuple[str, Source], ...] = (
    ("This run", acts_here),
    ("Pages", pages),
    ("Runs", runs),
    ("Workflows", workflows),
    ("Accounts", accounts),
)


def _has(text: str, *words: str) -> bool:
    return any(text.casefold() in word.casefold() for word in words)


def _by_number(asked: Asked) -> list[int]:
    number = asked.text.removeprefix("#")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return []
    return list(_seen(asked).filter(pk=int(number)).values_list("pk", flat=True))


def _by_last_part(asked: Asked) -> list[int]:
    """Some adapters pack several identifiers into one; people paste the last of them. No index
    serves that, so it is looked for among the newest runs."""
    if len(asked.text) < 3:
        return []
    newest = _seen(asked).order_by("-sort_at", "-pk").values_list("pk", "ref")[:NEWEST]
    return [pk for pk, ref in newest if ref.endswith(f"/{asked.text}")][:MOST]


def _seen(asked: Asked) -> QuerySet[Execution]:
    return visible_executions(asked.request.user)


>>>>>>> screens
def _numbered(
    groups: list[tuple[str, list[Place]]],
) -> list[tuple[str, list[tuple[int, Place]]]]:
    """Each place with its number in the whole list: options need an id."""
    numbered, number = [], 0
    for name, found in groups:
        numbered.append((name, [(number + place, each) for place, each in enumerate(found)]))
        number += len(found)
    return numbered
