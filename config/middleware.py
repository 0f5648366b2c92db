"""Sign-in by default, refused in the form of the request; the reader's times; no caching of private
pages."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils import timezone

from config import interrupted_posts, log_context
from config.sign_in import second_factor
from executions.access import step_up
from executions.access.permissions import preference_of
from executions.display.relative_times import for_reader
from executions.web.first_visit import keep_browser_zone

UNUSED = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
    "magnetometer=(), microphone=(), midi=(), payment=(), usb=()"
)
NOTED_EVERY = 300  # seconds
REQUEST_ID = re.compile(r"[\w.-]{8,64}", re.ASCII)


class RequestIdMiddleware:
    """Every request has an id, in the lines of its log and in its answer: the `X-Request-ID`
    that a proxy has given it, or a new one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        name = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        with log_context.about(request=name):
            response = self.get_response(request)
        response["X-Request-ID"] = name
        return response


class SignInMiddleware(LoginRequiredMiddleware):
    """Every view needs a signed-in person unless it says otherwise.

    A fragment request gets 401 and an event: a redirect would be swapped into the page. What was
    posted into a form that keeps drafts goes along with the sign-in page.
    """

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        refused: HttpResponseBase | None = super().process_view(
            request, view_func, view_args, view_kwargs
        )
        if refused is None and request.user.is_authenticated:
            return second_factor.way_out(request)
        return refused

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        if request.headers.get("HX-Request") == "true":
            return HttpResponse(status=401, headers={"HX-Trigger": "signed-out"})
        if request.method == "POST" and interrupted_posts.holds_text(request):
            return interrupted_posts.sign_in_page(request)
        return super().handle_no_permission(request, view_func)


class ZoneMiddleware:
    """Every time on a page is in the zone of its reader, UTC where none is known; and relative to
    now, unless they like the clock. A wall screen, which nobody is signed in to, has the clock."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        preference = preference_of(request.user)
        try:
            zone = ZoneInfo(preference.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # gone from the database of zones
            zone = ZoneInfo("UTC")
        with timezone.override(zone):
            response = self.get_response(request)
            if _is_whole_page(response):
                html = response.content.decode()  # type: ignore[attr-defined]
                is_relative = request.user.is_authenticated and preference.is_relative
                page = for_reader(html, timezone.now(), is_relative=is_relative)
                response.content = page  # type: ignore[attr-defined]
        return response


def _is_whole_page(response: HttpResponseBase) -> bool:
    """HTML that is all there, not a stream."""
    kind = response.get("Content-Type", "")
    return kind.startswith("text/html") and not response.streaming and response.charset == "utf-8"


class ForeignPostMiddleware:
    """What a page of another site posts is refused before anything looks at it, beside the tokens
    of forms; and what pages never use of a browser is switched off."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_foreign = request.headers.get("Sec-Fetch-Site") == "cross-site"
        response: HttpResponseBase
        if is_foreign and request.method not in ("GET", "HEAD", "OPTIONS"):
            response = HttpResponse(
                "A page of another site sent this. Nothing was changed; open this site itself.",
                "text/plain; charset=utf-8",
                403,
            )
        else:
            response = self.get_response(request)
        response["Permissions-Policy"] = UNUSED
        return response


class IdleMiddleware:
    """A session ends when its person has done nothing for settings.SESSION_IDLE, and a day after
    its beginning. What an open page asks by itself is not their doing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            self._look(request)
        return self.get_response(request)

    def _look(self, request: HttpRequest) -> None:
        session, now = request.session, time.time()
        if SESSION_KEY not in session:
            return
        begun, seen = session.get("begun", now), session.get("seen", now)
        if now - seen > settings.SESSION_IDLE or now - begun > settings.SESSION_COOKIE_AGE:
            session.flush()
        elif "seen" not in session or (
            now - seen > NOTED_EVERY and not request.path.endswith("/changes/")
        ):
            session["begun"], session["seen"] = begun, now


class CompressedPagesMiddleware(GZipMiddleware):
    """Pages and their parts go compressed, with a random length against guessing at what is in
    them. Downloads go as they are made."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        is_page = response.get("Content-Type", "").startswith("text/html")
        if response.streaming or not is_page:
            return response
        return super().process_response(request, response)


@receiver(user_logged_in)
def begin(request: HttpRequest, user: User, **_sent: Any) -> None:
    """Note the beginning of a session while it is written anyway, and the zone of the browser."""
    request.session["begun"] = request.session["seen"] = time.time()
    keep_browser_zone(request, user)
    step_up.note_proof(request, getattr(request, "proved_at", None))


class PrivateMiddleware:
    """Answers for a signed-in person are never stored by browsers or proxies."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.user.is_authenticated and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        return response
