"""Simulates flow8, written from its public documentation alone (read in November 2026).

Reading order: `demo.flow8.flows`, `demo.flow8.scenarios`, `demo.flow8.plays` (one run),
`demo.flow8.channel` (its events), `demo.flow8.company` (who starts what), and here the endpoints.
What the documentation leaves open is a switch in `world.options`:

- `prefix`: `/api` or `/api/v1`
- `layer_id`: which id `approve` takes, `play` (of the play layer), `flow` (of the flow layer) or
  `either`; the others answer VALIDATION_ERROR
- `layer_field`: name of a field of play layers with the flow layer's id (`layerId`, `flowletId`)
- `decline_to`: `FAIL` or `SKIP`
- `failed_at`: name of the field with the end of a failed play; none by default
- `created_at`: true shows `createdAt` of plays
- `order`: `newest`, `oldest` or `mixed`; `to`: `exclusive` or `inclusive`
- `lists` and `layers`: `bare` or `wrapped`
- `session_seconds`: how long a login lasts; `secure_cookie`: true marks the cookie Secure
- `ws`: `ok`, `drop` (connections are closed as soon as they are seen) or `refuse`
"""

import secrets
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from providers.demo.flow8.channel import Channel
from providers.demo.flow8.flows import FLOWS, Flow
from providers.demo.flow8.installation import Company
from providers.demo.flow8.requests import error, no_such_flow, one_of, read_date, read_object, whole
from providers.demo.flow8.runs import Play
from providers.demo.flow8.users import (
    API_KEY,
    COOKIE,
    EMAIL,
    MCP_KEY,
    PASSWORD,
    SESSION_SECONDS,
    USER,
)
from providers.demo.simulator import World, simulator

__all__ = ["API_KEY", "EMAIL", "FLOWS", "MCP_KEY", "PASSWORD", "app"]

PREFIXES = ("/api/v1", "/api")
STATES = ("NEW", "RUN", "DONE", "FAIL", "SKIP", "FILTERED", "DEFERRED", "WAIT", "ON_HOLD")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Api:
    """The endpoints, over one company."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.channel = Channel(world)
        self.company = Company(world)
        self.flows = self.company.flows
        # cookie -> when it ends
        self.sessions = world.keep("sessions", dict[str, datetime])

    async def login(self, request: Request) -> Response:
        body = await read_object(request)
        if not all(isinstance(body.get(name), str) for name in ("email", "password")):
            raise HTTPException(400, "email and password are required")
        if (body["email"], body["password"]) != (EMAIL, PASSWORD):
            raise HTTPException(401, "Wrong email or password")
        seconds = self.world.options.get("session_seconds", SESSION_SECONDS)
        cookie = secrets.token_urlsafe()
        self.sessions[cookie] = self.world.now() + timedelta(seconds=seconds)
        response = JSONResponse({"user": USER})
        secure = bool(self.world.options.get("secure_cookie"))
        response.set_cookie(COOKIE, cookie, secure=secure, httponly=True, samesite="strict")
        return response

    async def me(self, request: Request) -> Response:
        return JSONResponse(USER)

    async def list_flows(self, request: Request) -> Response:
        given = request.query_params
        found = list(self.flows.values())
        if "category" in given:
            found = [flow for flow in found if flow.category == given["category"]]
        if "enabled" in given:
            wanted = one_of(given["enabled"], "enabled", ("true", "false")) == "true"
            found = [flow for flow in found if flow.enabled is wanted]
        return self._page(request, found)

    async def get_flow(self, request: Request) -> Response:
        flow = self.flows.get(request.path_params["flow"])
        if flow is None:
            return no_such_flow(request.path_params["flow"])
        layers = {"layers": [layer.as_json() for layer in flow.layers]}
        return JSONResponse(flow.as_json() | layers)

    async def list_plays(self, request: Request) -> Response:
        given = request.query_params
        flow_id = request.path_params.get("flow")
        if flow_id is not None and flow_id not in self.flows:
            return no_such_flow(flow_id)
        flow_id = flow_id or given.get("flowId")
        state = given.get("state")
        if state is not None:
            one_of(state, "state", STATES)
        first, last = read_date(given, "from"), read_date(given, "to")
        if last and self.world.options.get("to", "exclusive") == "exclusive":
            last -= timedelta(days=1)
        found = [
            play
            for play in self.company.plays()
            if flow_id in (None, play.flow.id)
            and state in (None, play.status)
            and (first is None or (play.started_at or play.created_at).date() >= first)
            and (last is None or (play.started_at or play.created_at).date() <= last)
        ]
        return self._page(request, found)

    async def get_play(self, request: Request) -> Response:
        return JSONResponse(self._play(request).as_json())

    async def list_layers(self, request: Request) -> Response:
        rows = self._play(request).layers_json()
        wrapped = self.world.options.get("layers", "bare") == "wrapped"
        return JSONResponse({"data": rows} if wrapped else rows)

    async def approve(self, request: Request) -> Response:
        play, body = self._play(request), await read_object(request)
        decision = one_of(body.get("decision"), "decision", ("approved", "declined"))
        note = body.get("note", "")
        if not isinstance(note, str):
            raise HTTPException(400, "note must be a text")
        if play.status != "WAIT":
            raise HTTPException(400, f"Play {play.ref} is {play.status}, not waiting")
        ref = self._layer_ref(play, body.get("layerId"))
        if ref not in play.asking():
            raise HTTPException(400, f"Layer {ref} does not wait for an approval")
        play.decide(ref, decision, note)
        what = {"ref": play.ref, "layer": ref, "layerId": body["layerId"], "note": note}
        self.world.effect("approve" if decision == "approved" else "decline", what)
        return JSONResponse({"success": True})

    async def run_flow(self, request: Request) -> Response:
        flow = self.flows.get(request.path_params["flow"])
        if flow is None:
            return no_such_flow(request.path_params["flow"])
        body = await read_object(request)
        args, key = body.get("args", {}), body.get("idempotencyKey")
        if not isinstance(args, dict) or not isinstance(key, str | None):
            raise HTTPException(400, "args must be an object, idempotencyKey a text")
        if not flow.enabled and body.get("force") is not True:
            raise HTTPException(400, f"Flow {flow.name} is disabled")
        play = self.company.done_with(flow, key) if key else None
        if play is None:
            play = self.company.start(flow, args, key)
        shown = play.as_json()
        return JSONResponse({"playId": play.ref} | {k: shown[k] for k in ("state", "startedAt")})

    async def socket(self, socket: WebSocket) -> None:
        answer = self._refusal(socket, socket.query_params.get("token"))
        if self.world.options.get("ws") == "refuse":
            answer = error(404, "There is nothing here")
        if answer:
            await socket.send_denial_response(answer)
        else:
            await self.channel.serve(socket)

    # what the endpoints look up

    def open_to_users(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            way, _, token = request.headers.get("Authorization", "").partition(" ")
            refusal = self._refusal(request, token if way == "Bearer" else None)
            return refusal or await handler(request)

        return checked

    def open_to_all(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            return self._misplaced(request) or await handler(request)

        return checked

    def _misplaced(self, connection: HTTPConnection) -> Response | None:
        if connection.scope.get("root_path") == self.world.options.get("prefix", "/api"):
            return None
        return error(404, "There is nothing here")

    def _refusal(self, connection: HTTPConnection, token: str | None) -> Response | None:
        """The answer to somebody who may not enter, or None."""
        if misplaced := self._misplaced(connection):
            return misplaced
        ends_at = self.sessions.get(connection.cookies.get(COOKIE, ""))
        if token == API_KEY or (token is None and ends_at and ends_at > self.world.now()):
            return None
        if token == MCP_KEY:
            return error(403, "This key is for the MCP server only")
        return error(401, "Missing, wrong or expired credentials")

    def _page(self, request: Request, rows: Sequence[Flow | Play]) -> Response:
        page = whole(request.query_params.get("page", 0), "page", 0, 10**6)
        size = whole(request.query_params.get("size", 25), "size", 1, 100)
        size = min(size, int(self.world.options.get("max_size", size)))
        part = [each.as_json() for each in rows[page * size : (page + 1) * size]]
        if self.world.options.get("lists", "wrapped") == "bare":
            return JSONResponse(part)
        total = {"total": len(rows), "page": page, "size": size, "pages": -(-len(rows) // size)}
        return JSONResponse({"data": part} | total)

    def _play(self, request: Request) -> Play:
        wanted = request.path_params["play"]
        if wanted not in self.world.runs:
            raise HTTPException(404, f"Play {wanted} does not exist")
        return cast(Play, self.world.runs[wanted])

    def _layer_ref(self, play: Play, wanted: Any) -> str:
        """The step meant by a layerId, of the kind this installation takes."""
        takes = self.world.options.get("layer_id", "play")
        ids: dict[Any, str] = {}
        if takes in ("play", "either"):
            ids |= {layer["id"]: ref for ref, layer in play.layers.items()}
        if takes in ("flow", "either"):
            ids |= {layer.id: layer.ref for layer in play.flow.layers}
        if not isinstance(wanted, str) or wanted not in ids:
            raise HTTPException(400, f"layerId {wanted} is not a layer of this play")
        return ids[wanted]


def app(world: World) -> Starlette:
    """Build the API; with `world.populate` a morning of back-office work is under way in it."""
    api = Api(world)
    user = api.open_to_users
    inner: list[BaseRoute] = [
        Route("/auth/login", api.open_to_all(api.login), methods=["POST"]),
        Route("/auth/me", user(api.me)),
        Route("/flows", user(api.list_flows)),
        Route("/flows/{flow}", user(api.get_flow)),
        Route("/flows/{flow}/plays", user(api.list_plays)),
        Route("/flows/{flow}/run", user(api.run_flow), methods=["POST"]),
        Route("/plays", user(api.list_plays)),
        Route("/plays/{play}", user(api.get_play)),
        Route("/plays/{play}/layers", user(api.list_layers)),
        Route("/plays/{play}/approve", user(api.approve), methods=["POST"]),
        WebSocketRoute("/ws", api.socket),
    ]
    mounts = [Mount(prefix, routes=inner) for prefix in PREFIXES]
    return simulator(world, mounts, key="flow8", error=error)
