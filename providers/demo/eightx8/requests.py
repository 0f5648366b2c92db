"""How simulated 8x8 Automation reads requests, and its error bodies."""

import uuid
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.demo.eightx8.definitions import stamp
from providers.demo.simulator import World

CODES = {400: 1000, 401: 1200, 403: 1201, 404: 1300, 429: 1400}  # by HTTP status, else 2000


def shown(at: datetime) -> datetime:
    """The moment as a client sees it, so that a bound copied from a row includes that row."""
    return at.replace(microsecond=at.microsecond // 10_000 * 10_000)


def read_time(given: Any, name: str) -> datetime | None:
    if name not in given:
        return None
    try:
        at = datetime.fromisoformat(given[name])
    except ValueError as exc:
        raise HTTPException(400, f"Invalid {name}. Use an ISO 8601 timestamp.") from exc
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def whole(text: Any, name: str, *, at_least: int = 0, at_most: int = 2**31) -> int:
    try:
        number = int(text)
    except ValueError as exc:
        raise HTTPException(400, f"Invalid {name}. Use a whole number.") from exc
    if not at_least <= number <= at_most:
        raise HTTPException(400, f"Invalid {name}. It is out of range.")
    return number


def definition_id(request: Request) -> str:
    wanted = str(request.path_params["definition"])
    try:
        return str(uuid.UUID(wanted))
    except ValueError as exc:
        raise HTTPException(400, "Invalid definition id.") from exc


async def read_json(request: Request) -> Any:
    try:
        return await request.json()
    except ValueError as exc:
        raise HTTPException(400, "The request body is not valid JSON.") from exc


def error(world: World, status: int, text: str) -> Response:
    code, error_id = CODES.get(status, 2000), str(uuid.uuid4())
    body = {"code": code, "message": text, "errorId": error_id}
    return JSONResponse(body | {"timestamp": stamp(world.now())}, status)
