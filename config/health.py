"""Whether this process is up, and whether the whole is ready for work.

Open to anyone who reaches the port, so they say words, never causes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg
import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from redis.backoff import NoBackoff
from redis.retry import Retry

from executions import database_clock
from providers.models import Health, ProviderAccount

TIMEOUT = 1  # second, for each service
UNCLAIMED_AFTER = timedelta(seconds=60)  # an account is due and nobody takes it
UNPOLLED_AFTER = timedelta(minutes=3)  # claimed again and again, and no poll ends
UNPOLLED_FAILING_AFTER = timedelta(minutes=75)  # a provider may ask for an hour's rest


@login_not_required
@never_cache
def is_up(request: HttpRequest) -> HttpResponse:
    """200 while the process answers. Asks nobody else."""
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
@never_cache
def is_ready(request: HttpRequest) -> JsonResponse:
    """200 if database, broker and poller work, else 503. The poller is asked through the rows."""
    has_database = database_answers()
    checks = {
        "database": has_database,
        "broker": _broker_answers(),
        "poller": has_database and poller_is_fresh(timezone.now()),
    }
    is_fine = all(checks.values())
    body: dict[str, Any] = {"status": "ready" if is_fine else "not ready", "checks": checks}
    if skews := database_clock.skewed():  # a warning: everything goes by the database's clock
        body["clock_skew_seconds"] = sorted(skews.values(), key=abs)[-1]
    return JsonResponse(body, status=200 if is_fine else 503)


def poller_is_fresh(now: datetime) -> bool:
    """Whether at least one account that is to be polled is polled in time; yes if none is.

    One account that stands still is that account's trouble; all of them at once are ours.
    """
    active = ProviderAccount.objects.filter(enabled=True).exclude(
        health__in=[Health.AUTH, Health.PAUSED]
    )
    accounts = list(
        active.only("next_poll_at", "last_poll_at", "failures", "provider", "poll_every")
    )
    return not accounts or any(_is_polled_in_time(account, now) for account in accounts)


def _is_polled_in_time(account: ProviderAccount, now: datetime) -> bool:
    if account.next_poll_at < now - UNCLAIMED_AFTER:
        return False
    if account.last_poll_at is None:
        return True  # new: the line above notices if nobody takes it
    if account.failures:
        return account.last_poll_at > now - UNPOLLED_FAILING_AFTER
    own_interval = timedelta(seconds=account.poll_every or 0)
    return account.last_poll_at > now - max(UNPOLLED_AFTER, own_interval * 4)


def database_answers() -> bool:
    """A connection of its own: the pool may be what is stuck."""
    parameters = connection.get_connection_params()
    parameters |= {"connect_timeout": TIMEOUT, "options": f"-c statement_timeout={TIMEOUT}s"}
    try:
        with psycopg.connect(**parameters) as database:
            database.execute("SELECT 1")
    except (psycopg.Error, DatabaseError):
        return False
    return True


def _broker_answers() -> bool:
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        return bool(client.set("annunciator:ready", 1, ex=60))  # one that is full answers a ping
    except redis.RedisError:
        return False
    finally:
        client.close()
