"""How simulated Generio reads requests, and its 422 in FastAPI's form."""

import base64
import binascii
import json
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from providers.demo.generio.runs import Asset, Template


class Invalid(Exception):
    """Answered with 422 and the place of the mistake."""

    def __init__(self, *loc: str | int, msg: str, kind: str = "value_error") -> None:
        self.body = {"detail": [{"loc": list(loc), "msg": msg, "type": kind}]}


async def show_invalid(request: Request, exc: Exception) -> Response:
    body = exc.body if isinstance(exc, Invalid) else {}
    return JSONResponse(body, HTTPStatus.UNPROCESSABLE_ENTITY)


def choice(request: Request, name: str, known: tuple[str, ...]) -> str | None:
    value = request.query_params.get(name)
    if value is not None and value not in known:
        msg = "value is not a valid enumeration member"
        raise Invalid("query", name, msg=msg, kind="value_error.enum")
    return value


def wants_data(request: Request) -> bool:
    text = request.query_params.get("include_data", "false").lower()
    if text not in ("true", "false", "0", "1"):
        raise Invalid("query", "include_data", msg="value could not be parsed to a boolean")
    return text in ("true", "1")


def pick(assets: list[Asset], request: Request) -> Asset:
    for asset in assets:
        if asset.id == request.path_params["asset_id"]:
            return asset
    raise HTTPException(404, "Asset not found")


def read_input(body: Any, template: Template, *place: str | int) -> tuple[str, bytes, Any]:
    """Read `{data, additional}`: a data URI, or plain text where the template takes a prompt."""
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, str) or not data:
        raise Invalid("body", *place, "data", msg="field required", kind="value_error.missing")
    mime, content = "text/plain", data.encode()
    if data.startswith("data:"):
        head, _, payload = data[5:].partition(",")
        mime = head.split(";")[0]
        try:
            encoded = head.endswith(";base64")
            content = (
                base64.b64decode(payload, validate=True) if encoded else unquote_to_bytes(payload)
            )
        except binascii.Error as exc:
            raise Invalid("body", *place, "data", msg="data is not valid base64") from exc
    if mime not in template.accepts:
        raise Invalid("body", *place, "data", msg=f"MIME type {mime} is not accepted")
    return mime, content, body.get("additional")


async def read_object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except ValueError as exc:
        raise Invalid("body", 0, msg="JSON decode error", kind="json_invalid") from exc
    if not isinstance(body, dict):
        raise Invalid("body", msg="value is not a valid dict", kind="type_error.dict")
    return body


def whole(request: Request, name: str, default: int) -> int:
    try:
        return int(request.query_params.get(name, default))
    except ValueError as exc:
        raise Invalid("query", name, msg="value is not a valid integer") from exc
