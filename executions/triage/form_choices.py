"""What a form of an act offers and posts: who may be assigned, until when something is ignored."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from executions import database_clock
from executions.access.permissions import with_roles
from executions.display.id_params import row_id
from executions.display.local_time_input import read_moment
from executions.triage.acts import NotDone
from providers.models import Level

FOR = {
    "4h": ("for 4 hours", timedelta(hours=4)),
    "1d": ("for a day", timedelta(days=1)),
    "7d": ("for a week", timedelta(days=7)),
    "30d": ("for 30 days", timedelta(days=30)),
}
USUAL = "1d"
TAKE = "take"  # assign to oneself, as a form posts it


def ignore_for() -> list[tuple[str, str]]:
    """How long something may be ignored, as a form offers it: (value, words)."""
    return [(value, words) for value, (words, _) in FOR.items()]


def person_named(text: str) -> User | None:
    """Who may act and has this id or user name; None for nobody."""
    pk = row_id(text)
    found = assignable()
    return (found.filter(pk=pk) if pk is not None else found.filter(username=text)).first()


def posted_assignee(request: HttpRequest, oneself: User) -> User:
    """Who is to be on it: the person that the form names, else oneself. Raises NotDone."""
    is_mine = request.POST.get("mine") or request.POST.get("act") == TAKE
    text = "" if is_mine else request.POST.get("assignee", "").strip()
    found = person_named(text) if text else oneself
    if found is None:
        raise NotDone(f"Nobody who may act has the user name “{text[:40]}”.")
    return found


def assignable() -> QuerySet[User]:
    """Everybody who may act, by name. Which runs they may see is asked when something is assigned
    to them."""
    people = with_roles(User.objects.filter(is_active=True))
    may = Q(acts=True) | Q(is_superuser=True) | Q(granted__contains=[Level.OPERATE.value])
    return people.filter(may).order_by("username")


def end_of(word: str) -> datetime | None:
    """`7d` counts from now; else a moment, in the reader's zone where it names none. None for what
    is neither."""
    if word in FOR:
        return database_clock.now() + FOR[word][1]
    return read_moment(word)[0]


def posted_end(request: HttpRequest) -> datetime:
    """`until` of a form; what is no moment is over already, and so refused."""
    return end_of(request.POST.get("until", USUAL)) or database_clock.now()
