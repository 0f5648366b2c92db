"""How often a password may be guessed: by name and address, by address, and by name.

Five wrong passwords lock a name for the address they came from, twenty lock the address, each for
a quarter of an hour. A name that is guessed from many addresses is slowed down for addresses where
its person has never signed in; nobody can lock a person out of the computer that they use. What is
tried during a lock is neither checked nor counted.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.db.models import Max, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from executions.access import audit_log
from executions.display.formatting import stamped

LOCKED_FOR = timedelta(minutes=15)
SLOWED_TO = timedelta(seconds=30)  # from one guess to the next
OF_A_PAIR: int = settings.AXES_FAILURE_LIMIT
OF_AN_ADDRESS = 20
OF_A_NAME = 20


@dataclass(frozen=True)
class Limit:
    """Why and until when no password is taken."""

    what: str
    until: datetime

    @property
    def says(self) -> str:
        return f"{self.what} Try again at {stamped(self.until)}."


def limit_of(name: str, address: str) -> Limit | None:
    """What holds now for this name from this address."""
    recent = AccessAttempt.objects.filter(attempt_time__gt=timezone.now() - LOCKED_FOR)
    here, named = recent.filter(ip_address=address), recent.filter(username=name)
    known = AccessLog.objects.filter(username=name).values("ip_address")
    for rows, most, lasts, what in (
        (
            here.filter(username=name),
            OF_A_PAIR,
            LOCKED_FOR,
            "Too many wrong passwords for this name.",
        ),
        (here, OF_AN_ADDRESS, LOCKED_FOR, "Too many wrong passwords from your address."),
        (
            named.exclude(ip_address__in=known),
            OF_A_NAME,
            SLOWED_TO,
            "The password of this name is being guessed from many places. From an address where "
            "its user has never signed in, one attempt in half a minute is accepted.",
        ),
    ):
        until = _until(rows, most, lasts)
        if until is not None and (lasts == LOCKED_FOR or not known.filter(ip_address=address)):
            return Limit(what, until)
    return None


def _until(rows: QuerySet[Any], most: int, lasts: timedelta) -> datetime | None:
    found = rows.aggregate(failures=Sum("failures_since_start"), last=Max("attempt_time"))
    if (found["failures"] or 0) < most:
        return None
    until: datetime = found["last"] + lasts
    return until if until > timezone.now() else None


class Limits(AxesDatabaseHandler):  # type: ignore[misc]  # has no types
    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        return _limit(request, credentials) is not None

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: Any = None, **more: Any
    ) -> None:
        was_locked = request is None or getattr(request, "axes_locked_out", False)
        super().user_login_failed(sender, credentials, request, **more)
        if was_locked:
            return
        limit = _limit(request, credentials)
        if limit is not None:
            request.axes_locked_out, request.axes_credentials = True, credentials
            audit_log.record(
                "sign-in",
                audit_log.Action.SIGN_IN_LIMITED,
                target=f"user:{credentials.get('username', '')}",
                detail={"why": limit.what, "until": limit.until.isoformat()},
                address=request.META.get("REMOTE_ADDR") or None,
            )


def _limit(request: HttpRequest, credentials: dict[str, Any] | None) -> Limit | None:
    name = (credentials or {}).get("username") or ""
    return limit_of(name, getattr(request, "axes_ip_address", None) or guessed_from(request))


def refused(
    request: HttpRequest, response: HttpResponseBase | None, credentials: dict[str, Any] | None
) -> HttpResponse:
    """The page in the place of the sign-in page."""
    limit = _limit(request, credentials) or Limit("Too many wrong passwords.", timezone.now())
    wait = max(1, math.ceil((limit.until - timezone.now()).total_seconds()))
    page = render(request, "registration/locked.html", {"says": limit.says}, status=429)
    page["Retry-After"] = str(wait)
    return page


def guessed_from(request: HttpRequest) -> str:
    """The address that is counted: of IPv6 the network, since everybody has billions in it."""
    address = ipaddress.ip_address(request.META.get("REMOTE_ADDR") or "0.0.0.0")  # noqa: S104
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)


class ClientAddressMiddleware:
    """REMOTE_ADDR is who asks, not the proxy in front: the last address of X-Forwarded-For that
    a proxy of ours has added. What a client claims itself stands before that, and counts for
    nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.proxies = [ipaddress.ip_network(each) for each in settings.TRUSTED_PROXIES]

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.META["REMOTE_ADDR"] = self._client(
            request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For", "")
        )
        return self.get_response(request)

    def _client(self, peer: str, forwarded: str) -> str:
        hops = [each.strip() for each in forwarded.split(",") if each.strip()]
        while hops and self._is_ours(peer):
            try:
                peer = str(ipaddress.ip_address(hops.pop()))
            except ValueError:
                break
        return peer

    def _is_ours(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.proxies)
