"""Accounts and how they are: state, cause, what to do, last polls, and what the provider can."""

from __future__ import annotations

from django.http import HttpRequest

from executions.display.formatting import duration
from executions.live import database_clock
from executions.web.live_page import LivePage, Shown
from providers.adapter import Adapter

POLL_RUNS = 50
BLIND_MINUTES = ("5", "15", "30")
STATES = {  # (lamp, icon, word)
    "current": ("done", "tick", "Current"),
    "new": ("active", "clock", "Waiting for its first poll"),
    "first": ("active", "clock", "First poll under way"),
    "late": ("warning", "triangle", "Late"),
    "unreachable": ("failed", "blind", "Unreachable"),
    "refused": ("failed", "key", "Credentials refused"),
    "disabled": ("unknown", "pause", "Disabled"),
    "failing": ("warning", "triangle", "Failing, trying again"),
}
ADVICE = {
    "late": "Check that a worker is running. If only this account is late, its provider is slow.",
    "unreachable": "Polls go on by themselves, at growing intervals. Check the address and whether "
    "the provider is up.",
    "refused": "Polling has stopped, so that the provider does not lock the account. An "
    "administrator has to enter working credentials.",
    "disabled": "An administrator can enable it again.",
    "failing": "Nothing to do yet; the data is still recent.",
}
ABILITIES = (
    ("Cancel", Adapter.cancel),
    ("Suspend", Adapter.suspend),
    ("Resume", Adapter.resume),
    ("Answer", Adapter.answer),
    ("Start", Adapter.start),
    ("Logs", Adapter.log),
    ("Files", Adapter.open_output),
    ("Push", Adapter.hints),
)


@LivePage(
    "executions/accounts/accounts.html",
    changes="executions:accounts-changes",
    fragments={"#accounts": "executions/accounts/_accounts.html"},
)
def accounts(request: HttpRequest) -> Shown:
    is_narrowed = request.GET.get("is") == "unseen"
    views = [each for each in _account_views(request) if each["is_unseen"] or not is_narrowed]
    context = {
        "is_narrowed": is_narrowed,
        "accounts": views,
        "providers": capabilities(),
        "abilities": [word for word, _ in ABILITIES],
        "clocks": clock_sentences(),
    }
    query = "?is=unseen" if is_narrowed else ""
    return Shown(context, stamp=(views, context["clocks"]), query=query)


def clock_sentences() -> list[str]:
    """What is to be said of processes whose own clock is off."""
    return [
        f"The clock of {name} is {duration(abs(ahead))} "
        f"{'ahead of' if ahead > 0 else 'behind'} the database's. Polls and commands go by the "
        "database's clock; set that machine's clock, best by NTP."
        for name, ahead in sorted(database_clock.skewed().items())
    ]
