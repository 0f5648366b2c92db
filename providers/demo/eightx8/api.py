"""Simulates the 8x8 Automation API, written from its public documentation alone (November 2026).

Reading order: `demo.eightx8.definitions`, `demo.eightx8.scenarios`, `demo.eightx8.instances` (one
run), `demo.eightx8.account` (who starts what), and here the endpoints. What the documentation
leaves open is a switch in `world.options`:

- `definition_shape`: `nested` (the published example: id and version inside `definition`) or `top`
  (the published schema)
- `offset_counts`: `items` or `pages`
- `max_size`: the most rows of one answer, silently applied
- `unknown_definition`: `404` (response table) or `empty` (text) for the list of instances
- `errors_shape`: `array` or `object` (one published example); `errors_fail`: true answers 500
- `wrong_state`: `400`, or `silent` (200 and nothing done)
- `open_steps`: `null` or `missing`, the `completedAt` of a step that has not ended
- `terminated_time`: false leaves `completedAt` of a terminated instance null
"""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.demo.eightx8.definitions import ACCOUNT_ID, Definition, stamp
from providers.demo.eightx8.installation import Account
from providers.demo.eightx8.instances import Instance
from providers.demo.eightx8.requests import definition_id, error, read_json, read_time, shown, whole
from providers.demo.simulator import World, simulator

__all__ = ["ACCOUNT_ID", "API_KEY", "STATUSES", "app"]

API_KEY = "demo-eightx8-key"
STATUSES = ("Runnable", "Suspended", "Complete", "Terminated")
WORKFLOW_ID_DIGITS = 24  # hexadecimal, as in every published example

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Api:
    """The endpoints, over one account."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.account = Account(world)
        self.definitions = self.account.definitions

    async def list_definitions(self, request: Request) -> Response:
        limit, offset = self._window(request)
        active = [each for each in self.definitions.values() if each.status == "enabled"]
        shape = self.world.options.get("definition_shape", "nested")
        rows = [each.as_json(each.version, shape) for each in active]
        return JSONResponse(rows[offset : offset + limit])

    async def list_versions(self, request: Request) -> Response:
        limit, offset = self._window(request)
        # an unknown id is an empty list here (support article 59375104074777)
        definition = self.definitions.get(definition_id(request))
        versions = range(definition.version, 0, -1) if definition else ()
        shape = self.world.options.get("definition_shape", "nested")
        rows = [definition.as_json(each, shape) for each in versions] if definition else []
        return JSONResponse(rows[offset : offset + limit])

    async def delete_definition(self, request: Request) -> Response:
        definition = self._definition(request)
        self.world.effect("delete", definition.id)
        del self.definitions[definition.id]
        for instance in self.account.instances(definition):
            self.world.erase(instance)
        return Response(status_code=202)

    async def list_instances(self, request: Request) -> Response:
        limit, offset = self._window(request)
        given = request.query_params
        if definition_id(request) not in self.definitions:
            if self.world.options.get("unknown_definition") == "empty":
                return JSONResponse([])
            self._definition(request)
        definition = self._definition(request)
        version = whole(given.get("version", definition.version), "version", at_least=1)
        status = given.get("status")
        if status is not None and status not in STATUSES:
            raise HTTPException(400, f"Invalid status. Use one of {', '.join(STATUSES)}.")
        since, until = read_time(given, "startTimeFrom"), read_time(given, "startTimeTo")
        found = [
            each
            for each in self.account.instances(definition)
            if each.version == version
            and (status is None or each.status == status)
            and (since is None or shown(each.created_at) >= since)
            and (until is None or shown(each.created_at) <= until)
        ]
        return JSONResponse([each.as_json() for each in found[offset : offset + limit]])

    async def get_instance(self, request: Request) -> Response:
        instance = self._instance(request)
        with_logs = request.query_params.get("includeLogs", "false").lower()
        if with_logs not in ("true", "false"):
            raise HTTPException(400, "Invalid includeLogs. Use true or false.")
        logs = {"logs": instance.logs()} if with_logs == "true" else {}
        return JSONResponse(instance.as_json() | logs)

    async def list_errors(self, request: Request) -> Response:
        instance = self._instance(request)
        instance.advance()
        if self.world.options.get("errors_fail"):
            raise HTTPException(500, "An unexpected error has occurred.")
        rows = [
            {"workflowId": instance.ref} | error | {"errorTime": stamp(error["errorTime"])}
            for error in instance.errors
        ]
        single = rows and self.world.options.get("errors_shape") == "object"
        return JSONResponse(rows[-1] if single else rows)

    async def command(self, request: Request) -> Response:
        instance = self._instance(request)
        body = await read_json(request)
        status = body.get("status") if isinstance(body, dict) else None
        allowed = {"suspend": STATUSES[:1], "resume": STATUSES[1:2], "terminate": STATUSES[:2]}
        if not isinstance(status, str) or status not in allowed:
            raise HTTPException(400, "Invalid status. Use one of suspend, resume, terminate.")
        if instance.status not in allowed[status]:
            if self.world.options.get("wrong_state") == "silent":
                return Response()
            text = f"Cannot {status} workflow {instance.ref}: its status is {instance.status}."
            raise HTTPException(400, text)
        acts = {"suspend": instance.suspend, "resume": instance.proceed}
        acts.get(status, instance.terminate)()
        self.world.effect(status, instance.ref)
        return Response()

    async def start_instance(self, request: Request) -> Response:
        definition = self._definition(request)
        given = request.query_params.get("version", definition.version)
        version = whole(given, "version", at_least=1)
        if version > definition.version:
            raise HTTPException(404, f"Version {version} of {definition.id} not found.")
        instance = self.account.start(definition, version, await read_json(request))
        path = f"/api/v1/accounts/{ACCOUNT_ID}/definitions/{definition.id}/workflows"
        return Response(status_code=201, headers={"Location": f"{path}/{instance.ref}"})

    async def trigger(self, request: Request) -> Response:
        """Start every definition that listens; the answer names none of the instances."""
        payload, wanted = await read_json(request), request.query_params.get("subAccountId")
        for each in self.definitions.values():
            listens = each.trigger == "http_request" and each.status == "enabled"
            if listens and wanted in (None, each.sub_account):
                self.account.start(each, each.version, payload)
        return Response()

    # what the endpoints look up

    def _window(self, request: Request) -> tuple[int, int]:
        """Limit and item offset; what `offset` counts is not documented clearly."""
        limit = whole(request.query_params.get("limit", 100), "limit", at_least=1, at_most=500)
        offset = whole(request.query_params.get("offset", 0), "offset")
        limit = min(limit, int(self.world.options.get("max_size", limit)))
        pages = self.world.options.get("offset_counts") == "pages"
        return limit, offset * limit if pages else offset

    def _definition(self, request: Request) -> Definition:
        wanted = definition_id(request)
        if wanted not in self.definitions:
            raise HTTPException(404, f"Definition {wanted} not found.")
        return self.definitions[wanted]

    def _instance(self, request: Request) -> Instance:
        definition, wanted = self._definition(request), request.path_params["workflow"]
        if len(wanted) != WORKFLOW_ID_DIGITS or not set(wanted) <= set("0123456789abcdef"):
            raise HTTPException(400, "Invalid workflow id.")
        instance = cast(Instance | None, self.world.runs.get(wanted))
        if instance is None or instance.definition is not definition:
            raise HTTPException(404, f"Workflow {wanted} not found.")
        return instance


def guarded(handler: Handler) -> Handler:
    """Check the key, then its right to the account."""

    async def checked(request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            raise HTTPException(401, "Invalid API key.")
        if request.path_params["account"] != ACCOUNT_ID:
            raise HTTPException(403, "The API key has no access to this account.")
        return await handler(request)

    return checked


def app(world: World) -> Starlette:
    """Build the API; with `world.populate` a morning of messages is under way in it."""
    api = Api(world)
    one = "/definitions/{definition}"
    run = f"{one}/workflows/{{workflow}}"
    routes: list[tuple[str, str, Handler]] = [
        ("GET", "/definitions", api.list_definitions),
        ("GET", one, api.list_versions),
        ("DELETE", one, api.delete_definition),
        ("GET", f"{one}/workflows", api.list_instances),
        ("POST", f"{one}/workflows", api.start_instance),
        ("GET", run, api.get_instance),
        ("PATCH", run, api.command),
        ("GET", f"{run}/errors", api.list_errors),
        ("POST", "/triggers/http_request", api.trigger),
    ]
    root = "/api/v1/accounts/{account}"
    return simulator(
        world,
        [Route(root + path, guarded(handler), methods=[way]) for way, path, handler in routes],
        key="eightx8",
        error=partial(error, world),
    )
