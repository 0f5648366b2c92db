"""Accounts and how they are: state, cause, what to do, last polls, and what the provider can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions import database_clock
from executions.access.permissions import granted_on, may_administer, visible_accounts
from executions.accounts import poll_trace_display
from executions.accounts.account_audit import NotNow
from executions.accounts.blind_test import begin_blind_test, end_blind_test
from executions.accounts.poll_now import poll_now
from executions.commands.verbs import VERBS
from executions.display.formatting import duration, size
from executions.display.freshness import freshness
from executions.display.statuses import LAMP_ICONS, LAMP_WORDS
from executions.models import CorrelationRule, KeySearch, PollRun, Quarantine, StatusCount
from executions.payloads.text_escaping import plain
from executions.polling import engine_components, read_queue
from executions.search.filters import provider_name
from executions.web.first_visit import is_simulated
from executions.web.live_page import LivePage, Shown, show
from executions.web.post_only_views import posted_from
from executions.web.requester import accounts_of, address
from providers import registry, save_account
from providers.adapter import Adapter
from providers.contract import Status, Verb
from providers.models import Health, ProviderAccount

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
    "unwell": ("warning", "triangle", "Its engine reports a problem"),
}
ADVICE = {
    "late": "Check that a worker is running. If only this account is late, its provider is slow.",
    "unreachable": "Polls continue automatically, at growing intervals. Check the address and "
    "whether the provider is up.",
    "refused": "Polling has stopped, so that the provider does not lock the account. An "
    "administrator has to enter working credentials.",
    "disabled": "An administrator can enable it again.",
    "failing": "Nothing to do yet; the data is still recent.",
    "unwell": "The data is current, but runs may not progress. Check the engine.",
}
SILENT = ("current", "new", "first", "unwell")
"""States in which the last error of a poll is over, or there was none."""
ABILITIES = (
    *((VERBS[verb.value].word, getattr(Adapter, verb.value)) for verb in Verb),
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
        "has_accounts": bool(accounts_of(request)),
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
        "database's clock. Set the clock of that machine, ideally by NTP."
        for name, ahead in sorted(database_clock.skewed().items())
    ]


@LivePage(
    "executions/accounts/account.html",
    changes="executions:account-changes",
    fragments={"#account": "executions/accounts/_account.html"},
)
def account(request: HttpRequest, pk: int) -> Shown:
    found = get_object_or_404(visible_accounts(request.user), pk=pk)
    detail = _detail(request, found)
    context = {
        **detail,
        "providers": [each for each in capabilities() if each["key"] == found.provider],
        "abilities": [word for word, _ in ABILITIES],
    }
    if may_administer(request.user):
        context |= {"team": found.group, "grants": granted_on(found)}
    return Shown(context, stamp=detail, args=[pk])


@require_GET
def poll_page(request: HttpRequest, pk: int, seq: int) -> HttpResponse:
    """The requests of one of the account's last polls."""
    account = get_object_or_404(visible_accounts(request.user), pk=pk)
    found = poll_trace_display.one(account, seq)
    if found is None:
        raise Http404
    context = {"account": account, "provider": provider_name(account.provider), "poll": found}
    return show(request, "executions/accounts/poll.html", context)


@posted_from("executions:account")
def poll(request: HttpRequest, pk: int) -> HttpResponse:
    account = get_object_or_404(visible_accounts(request.user), pk=pk)
    _do(request, partial(poll_now, request.user, account, address=address(request)))
    return redirect("executions:account", pk=pk)


@posted_from("executions:account")
def blind_test(request: HttpRequest, pk: int) -> HttpResponse:
    """With `minutes=0` it ends."""
    account = get_object_or_404(visible_accounts(request.user), pk=pk)
    minutes, who = request.POST.get("minutes", ""), (request.user, account)
    asked = int(minutes) if minutes in BLIND_MINUTES else int(BLIND_MINUTES[0])
    if minutes == "0":
        act = partial(end_blind_test, *who, address=address(request))
    else:
        act = partial(begin_blind_test, *who, asked, address=address(request))
    _do(request, act)
    return redirect("executions:account", pk=pk)


def _do(request: HttpRequest, act: Callable[[], str]) -> None:
    """What came of it, as the message of the next page."""
    try:
        message = act()
    except NotNow as why:
        messages.error(request, str(why))
    else:
        if message:
            messages.success(request, message)


def _account_views(request: HttpRequest) -> list[dict[str, Any]]:
    accounts = accounts_of(request).values()
    twins = save_account.same_runs(accounts)
    return [account_view(account, twins.get(account.pk, [])) for account in accounts]


def account_view(account: ProviderAccount, twins: Sequence[ProviderAccount] = ()) -> dict[str, Any]:
    """An account's state as words. `twins` read the very same runs."""
    fresh = freshness(account, timezone.now())
    is_failing = account.health == Health.FAILING and fresh.word == "current"
    unwell = [part for part in engine_components.components_of(account) if not part.is_well]
    state = "failing" if is_failing else fresh.word
    if state == "current" and unwell:
        state = "unwell"
    lamp, icon, word = STATES[state]
    return {
        "id": account.pk,
        "name": account.name,
        "provider": provider_name(account.provider),
        "is_simulated": is_simulated(account),
        "key": account.provider,
        "lamp": lamp,
        "icon": icon,
        "word": word,
        "is_unseen": fresh.is_trouble,
        "since": account.health_since,
        "cause": plain(account.last_error) if state not in SILENT else "",
        "unwell": ", ".join(plain(part.name) for part in unwell),
        "advice": ADVICE.get(state, ""),
        "twins": save_account.twin_warning(twins),
        "last_success": account.last_success_at,
        "failures": account.failures,
        "blind_until": account.blind_until if account.is_blind else None,
        "blind_by": account.blind_by,
        "is_enabled": account.enabled,
    }


def capabilities() -> list[dict[str, Any]]:
    """Per provider what it can be asked, by what its adapter defines."""
    return [
        {
            "key": key,
            "name": adapter.name,
            "docs": adapter.docs if adapter.docs.startswith("https://") else "",
            "can": [(word, adapter.can(verb)) for word, verb in ABILITIES],
            "notes": [(verb.value, note) for verb, note in adapter.notes.items()],
        }
        for key, adapter in registry.all_adapters().items()
    ]


def _detail(request: HttpRequest, account: ProviderAccount) -> dict[str, Any]:
    twins = save_account.same_runs(accounts_of(request).values()).get(account.pk, [])
    runs = PollRun.objects.filter(account=account).order_by("-started_at")[:POLL_RUNS]
    traced = poll_trace_display.kept_of(account)
    bad = Quarantine.objects.filter(account=account).order_by("-last_seen_at")[:20]
    return {
        "view": account_view(account, twins),
        "lamps": _lamps(account),
        "skew": _skew(account.clock_skew),
        "warnings": _warnings(account.poll_warnings),
        "engine": _engine(account),
        "forgets": _forgets(account),
        "covered": account.covered_since,
        "next_poll": _next_poll(account),
        "history": _history(account),
        "blind_minutes": BLIND_MINUTES,
        "poll_runs": [_poll_run(row, traced) for row in runs],
        "failed_poll": poll_trace_display.last_failed(account),
        "rules": _rules(account),
        "key_search": _key_search(account),
        "quarantine": [
            {
                "ref": plain(row.ref, 80),
                "reason": plain(row.reason),
                "count": row.count,
                "last": row.last_seen_at,
            }
            for row in bad
        ],
    }


def _next_poll(account: ProviderAccount) -> dict[str, Any]:
    """When, or why no time can be named."""
    if not account.enabled or account.health == Health.PAUSED:
        return {"why": "not while the account is disabled"}
    if account.health == Health.AUTH:
        return {"why": "not with these credentials"}
    if account.is_being_polled:
        return {"why": "under way"}
    quiet = account.quiet_until if account.is_quiet else None
    return {"at": max(account.next_poll_at, quiet or account.next_poll_at), "quiet": quiet}


def _rules(account: ProviderAccount) -> list[dict[str, Any]]:
    """Where its runs carry business keys, and what is wrong with a rule."""
    return [
        {
            "id": rule.pk,
            "name": plain(rule.name),
            "source": rule.get_source_display(),
            "path": plain(rule.path),
            "pattern": plain(rule.pattern),
            "problem": plain(rule.problem),
            "problem_at": rule.problem_at,
        }
        for rule in CorrelationRule.objects.filter(account=account)
    ]


def _history(account: ProviderAccount) -> str:
    """How many of the runs that had ended before we first saw them have been read."""
    read, total = read_queue.history_of(account.pk)
    return f"{read:,} of {total:,}" if total else ""


def _key_search(account: ProviderAccount) -> dict[str, Any]:
    """How far the search through stored runs is."""
    search = KeySearch.objects.filter(account=account).first()
    if search is None:
        return {}
    return {
        "since": search.since,
        "looked_at": f"{search.looked_at:,}",
        "found": f"{search.found:,}",
        "reached": search.reached,
        "finished": search.finished_at,
    }


def _lamps(account: ProviderAccount) -> list[dict[str, Any]]:
    rows = StatusCount.objects.filter(account=account).values_list("status", "count")
    totals = dict.fromkeys(LAMP_WORDS, 0)
    for status, number in rows:
        totals[Status(status).lamp] += number
    return [
        {"key": lamp.value, "word": LAMP_WORDS[lamp], "icon": LAMP_ICONS[lamp], "count": f"{n:,}",
         "is_lit": n > 0}
        for lamp, n in totals.items()
    ]  # fmt: skip


def _poll_run(row: PollRun, traced: set[int]) -> dict[str, Any]:
    took = (row.finished_at - row.started_at).total_seconds() if row.finished_at else None
    lamp = {"ok": "done", "partial": "warning"}.get(row.outcome, "failed")
    return {
        "seq": row.poll_seq if row.poll_seq in traced else None,
        "at": row.started_at,
        "outcome": row.outcome.replace("_", " "),
        "lamp": lamp if row.finished_at else "active",
        "icon": {"done": "tick", "warning": "triangle"}.get(lamp, "cross"),
        "took": duration(took) if took is not None else "",
        "requests": row.requests,
        "bytes": size(row.bytes),
        "seen": row.seen,
        "changed": row.changed,
        "quarantined": row.quarantined,
        "error": plain(row.error),
    }


def _warnings(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What the last polls found odd: each a sentence, since when, and what to do."""
    warnings: list[dict[str, Any]] = []

    def add(one: dict[str, Any], what: str, then: str) -> None:
        warnings.append({"what": what, "since": datetime.fromisoformat(one["since"]), "do": then})

    if one := found.get("truncated"):
        add(
            one,
            f"Only the first {one['items']:,} runs of the provider's list are read",
            "Other runs may be missing until the list is shorter. Each poll asks for a shorter "
            "period. If this stays, split the account, or let the provider check its list.",
        )
    if one := found.get("empty_list"):
        add(
            one,
            f"The provider's list contains none of the {one['open']:,} runs that were open",
            "They are shown as last seen and read one by one. Check at the provider what these "
            "credentials can see.",
        )
    for word, since in found.get("words", {}).items():
        add(
            {"since": since},
            f"The provider uses the status “{plain(word)}”, which Annunciator does not know",
            "They are shown as unknown and read rarely. Update Annunciator, or report the word.",
        )
    return warnings


def _engine(account: ProviderAccount) -> list[dict[str, Any]]:
    """Its parts, those first that are not well."""
    parts = sorted(engine_components.components_of(account), key=lambda part: part.is_well)
    return [
        {
            "name": plain(part.name),
            "is_well": part.is_well,
            "message": plain(part.message),
            "since": part.since,
            "seen": part.seen_at,
        }
        for part in parts
    ]


def _forgets(account: ProviderAccount) -> bool:
    """Whether its provider forgets runs that have ended."""
    adapter = registry.all_adapters().get(account.provider)
    return adapter is not None and not adapter.keeps_history


def _skew(seconds: float | None) -> str:
    if seconds is None or abs(seconds) < 2:
        return ""
    way = "ahead of" if seconds > 0 else "behind"
    return f"The provider's clock is {duration(abs(seconds))} {way} ours."
