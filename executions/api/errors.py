"""What the API says when it cannot do as asked: always {"error", "message"}."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from executions.access.permissions import LOOK_ONLY
from executions.commands.submit import NotPossible, TooMany

log = logging.getLogger(__name__)


class Refusal(Exception):
    """Answer with this status, word and sentence."""

    def __init__(self, status: int, error: str, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status, self.error, self.retry_after = status, error, retry_after


TOO_LARGE = "The body is larger than 1 MB, the most that this API takes."
WORDS = {400: "bad_request", 403: "forbidden", 404: "not_found", 429: "too_many_requests"}


def install(api: NinjaAPI) -> None:
    handlers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        AuthenticationError: _unauthorized,
        Refusal: _refused,
        TooMany: _too_many,
        NotPossible: lambda request, error: answer(409, "not_possible", str(error)),
        PermissionDenied: lambda request, error: answer(403, "forbidden", str(error) or LOOK_ONLY),
        Http404: lambda request, error: answer(404, "not_found", "There is no such thing here."),
        ValidationError: _invalid,
        HttpError: lambda request, error: answer(
            error.status_code, WORDS.get(error.status_code, "error"), str(error)
        ),
        RequestDataTooBig: lambda request, error: answer(413, "too_large", TOO_LARGE),
        OperationalError: _unavailable,
        InterfaceError: _unavailable,
        Exception: _broken,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def answer(status: int, error: str, message: str) -> JsonResponse:
    return JsonResponse({"error": error, "message": message}, status=status)


def _unauthorized(request: HttpRequest, error: Exception) -> HttpResponse:
    response = answer(401, "unauthorized", "Send a valid token: Authorization: Bearer <token>.")
    response["WWW-Authenticate"] = "Bearer"
    return response


def _refused(request: HttpRequest, error: Refusal) -> HttpResponse:
    response = answer(error.status, error.error, str(error))
    if error.retry_after:
        response["Retry-After"] = str(error.retry_after)
    return response


def _too_many(request: HttpRequest, error: TooMany) -> HttpResponse:
    response = answer(429, "too_many_requests", str(error))
    response["Retry-After"] = str(error.retry_after)
    return response


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Names of fields and what is wrong with them; never the values, which may be secret."""
    places = ("body", "query", "path", "header")
    sentences = [
        f"{'.'.join(str(part) for part in _place(item['loc'], places)) or 'body'}: {item['msg']}"
        for item in error.errors
    ]
    return answer(422, "invalid", "; ".join(sentences) + ".")


def _place(location: tuple[Any, ...], places: tuple[str, ...]) -> tuple[Any, ...]:
    """Without where it came from and the name of our own parameter."""
    return (
        location[2:]
        if location[0] == "body"
        else location[1:]
        if location[0] in places
        else location
    )


def _unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    response = answer(
        503,
        "unavailable",
        "The database does not answer. Nothing was changed. Try again in a minute.",
    )
    response["Retry-After"] = "10"
    return response


def _broken(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return answer(500, "error", "Something went wrong on our side. It was written to the log.")
