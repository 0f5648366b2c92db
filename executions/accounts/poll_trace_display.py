"""What a poll of an account asked and what it got, as the pages of the account show it."""

from __future__ import annotations

from typing import Any

from executions.display.formatting import size
from executions.models import PollTrace
from executions.polling.poll_traces import FAILED
from providers.models import ProviderAccount

MEANINGS = {
    0: "No answer came: the server could not be reached, or was too slow.",
    401: "The credentials are not accepted.",
    403: "The credentials are known, but may not do this.",
    404: "There is nothing at this address: it has moved, or the run is gone.",
    408: "The server gave up waiting.",
    429: "Too many requests: the provider asked us to wait.",
}
KINDS = {
    2: "Taken.",
    3: "It leads elsewhere; redirects are not followed.",
    4: "The provider did not accept the request.",
    5: "The provider has an error of its own.",
}


def kept_of(account: ProviderAccount) -> set[int]:
    """Numbers of the polls whose requests are kept. One query."""
    rows = PollTrace.objects.filter(account=account)
    return set(rows.values_list("poll_seq", flat=True))


def one(account: ProviderAccount, seq: int) -> dict[str, Any] | None:
    rows = PollTrace.objects.filter(account=account, poll_seq=seq).order_by("-slot")
    found = rows.first()
    return _view(found) if found else None


def last_failed(account: ProviderAccount) -> dict[str, Any] | None:
    """The last poll that failed, with its last request alone."""
    found = PollTrace.objects.filter(account=account, slot=FAILED).first()
    if found is None:
        return None
    view = _view(found)
    return {**view, "requests": view["requests"][-1:], "left_out": 0}


def meaning(status: int) -> str:
    """A sentence for an HTTP status; 0: there was no answer."""
    return MEANINGS.get(status) or KINDS.get(status // 100, "")


def _view(trace: PollTrace) -> dict[str, Any]:
    return {
        "seq": trace.poll_seq,
        "started": trace.started_at,
        "outcome": trace.outcome,
        "error": trace.error,
        "is_bad": bool(trace.error),
        "left_out": trace.left_out,
        "excerpt": trace.excerpt,
        "requests": [
            {
                "method": method,
                "address": address,
                "status": status,
                "is_bad": not 200 <= status < 300,
                "ms": f"{ms:,}",
                "bytes": size(length),
                "records": records,
                "meaning": meaning(status),
            }
            for method, address, status, ms, length, records in trace.requests
        ],
    }
