"""How simulated flow8 reads requests, and its error bodies."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

ERRORS = {
    400: "VALIDATION_ERROR", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND",
}  # fmt: skip


def error(status: int, text: str, code: str = "") -> Response:
    code = code or ERRORS.get(status, "INTERNAL_ERROR" if status >= 500 else "REQUEST_ERROR")
    return JSONResponse({"error": code, "message": text, "statusCode": status}, status)


def no_such_flow(wanted: str) -> Response:
    return error(404, f"Flow {wanted} does not exist", "FLOW_NOT_FOUND")


def one_of(value: Any, name: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise HTTPException(400, f"{name} must be one of {', '.join(allowed)}")
    return str(value)


def whole(text: Any, name: str, at_least: int, at_most: int) -> int:
    try:
        number = int(text)
    except ValueError as exc:
        raise HTTPException(400, f"{name} must be a whole number") from exc
    if not at_least <= number <= at_most:
        raise HTTPException(400, f"{name} must be from {at_least} to {at_most}")
    return number


def read_date(given: Any, name: str) -> date | None:
    if name not in given:
        return None
    try:
        return datetime.strptime(given[name], "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as exc:
        raise HTTPException(400, f"{name} must be a date, YYYY-MM-DD") from exc


async def read_object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as exc:
        raise HTTPException(400, "The body is not JSON") from exc
    if not isinstance(body, dict):
        raise HTTPException(400, "The body must be an object")
    return body
