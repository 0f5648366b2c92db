"""What is on the wall of a screen: lamps, one tile per workflow, and the last changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, QueryDict
from django.templatetags.static import static

from executions.display.freshness import freshness
from executions.handover import activity
from executions.overview import workflow_tiles
from executions.runs.list.status_counts import panel_of
from executions.search.filters import Filters, parse
from executions.web.account_banner import accounts_not_current
from executions.web.inbox_badge import question_count
from executions.web.requester import accounts_of, sees_all
from providers.models import ProviderAccount

LAST = timedelta(hours=1)
MOST_CHANGES = 3
SCRIPT = "js/kiosk.js"


def shown_on_screen(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """The context of the screen; equal `stamped` means that it would look the same."""
    accounts = accounts_of(request)
    filters = parse(QueryDict(), accounts, now=now, sees_all=sees_all(request))
    unseen = [each.account.name for each in accounts_not_current(request)]
    questions = question_count(request)
    lamps = panel_of(filters, questions=questions, unseen=unseen, hour=None).lamps
    tiles, missing = _tiles(filters, accounts, now)
    changes = _changes(accounts, now)
    read_at = max((a.last_success_at for a in accounts.values() if a.last_success_at), default=None)
    is_blind = bool(accounts) and len(unseen) == len(accounts)
    return {
        "lamps": lamps,
        "tiles": tiles,
        "missing": missing,
        "changes": changes,
        "blind_since": read_at if is_blind else None,
        "is_blind": is_blind,
        "has_accounts": bool(accounts),
        "build": static(SCRIPT),
        "stamped": (lamps, tiles, missing, changes, is_blind, static(SCRIPT)),
    }


def _tiles(
    filters: Filters, accounts: Mapping[int, ProviderAccount], now: datetime
) -> tuple[list[dict[str, Any]], int]:
    """Account by account and by name, so that each stays where it is; and how many workflows in
    trouble have none."""
    found = workflow_tiles.read(filters)
    fresh = {pk: freshness(account, now) for pk, account in accounts.items()}
    tiles = [
        {
            "id": tile.id,
            "name": tile.name,
            "account": accounts[group.account_id].name if len(found.groups) > 1 else "",
            "state": tile.state,
            "icon": "blind" if fresh[group.account_id].is_stale else tile.icon,
            "state_words": tile.state_words,
            "also": tile.also,
            "strip": tile.strip,
            "is_old": fresh[group.account_id].is_stale,
            "seen_at": accounts[group.account_id].last_success_at,
        }
        for group in found.groups
        for tile in group.tiles
    ]
    return tiles, found.missing


def _changes(accounts: Mapping[int, ProviderAccount], now: datetime) -> list[activity.Activity]:
    """The newest failures, questions and answers of the last hour."""
    window = activity.Window(accounts, now - LAST, now)
    if not window.ids:
        return []
    kinds = (activity.failed, activity.asked, activity.answered)
    events = [event for kind in kinds for event in kind(window)]
    return sorted(events, key=lambda event: event.at, reverse=True)[:MOST_CHANGES]
