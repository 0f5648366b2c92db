"""How the parts of an engine are, as polls have seen them: a note in the account's warnings.

The poller writes it (`noted`), the pages of accounts and the metrics read it (`components_of`). An
engine whose scheduler is silent answers every question well, and no run moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from providers import exact_json
from providers.contract import Component
from providers.models import ProviderAccount

MAX_NAME = 60  # characters
MAX_MESSAGE = 200


@dataclass(frozen=True)
class Seen:
    """A part of an engine. `since`: when a poll first saw it so; `seen_at`: when the engine itself
    last heard of it."""

    name: str
    is_well: bool
    message: str
    since: datetime
    seen_at: datetime | None


def noted(old: Mapping[str, Any], found: Iterable[Component], now: datetime) -> dict[str, Any]:
    """What the account keeps: every part, and since when it is as it is."""
    before = {part["name"]: part for part in old.get("parts", ())}
    parts = []
    for each in found:
        name = _text(each.name, MAX_NAME)
        same = before.get(name)
        is_as_before = same is not None and same["is_well"] == each.is_well
        parts.append(
            {
                "name": name,
                "is_well": each.is_well,
                "message": _text(each.message, MAX_MESSAGE),
                "since": same["since"] if same and is_as_before else now.isoformat(),
                "seen_at": each.seen_at.isoformat() if each.seen_at else None,
            }
        )
    return {"looked_at": now.isoformat(), "parts": parts}


def components_of(account: ProviderAccount) -> list[Seen]:
    """As the last poll that looked saw them; none where the provider does not tell."""
    return [
        Seen(
            part["name"],
            part["is_well"],
            part["message"],
            datetime.fromisoformat(part["since"]),
            datetime.fromisoformat(part["seen_at"]) if part["seen_at"] else None,
        )
        for part in account.poll_warnings.get("engine", {}).get("parts", ())
    ]


def _text(value: str, limit: int) -> str:
    return str(exact_json.cleaned(value))[:limit]
