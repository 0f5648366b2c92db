"""Simulated Generio Flows API: one account.

Written from the vendor's page "Get flow details" (seed), its other endpoint pages
(test-docs.generio.ai) and its quickstart (api-flows-quickstart), read November 2026.

Switches (`World.options`): `wrap` flows|array|items|data|results, `page_size`, `wrong_state` and
`early_outputs` (HTTP status, 409), `content` json|raw, `output_key` asset_id|id, `ready_word`,
`times` z|naive|epoch, `error_field` name, `expired` true.

Effects: `start` {ref, template, parameters, additional, inputs} for a created flow, `begin` ref for
a PATCH start, `cancel` ref for a PATCH abort, `input` {ref, asset_id, mime, size, additional},
`erased` ref.
"""

from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.demo.generio.requests import (
    Invalid,
    choice,
    pick,
    read_input,
    read_object,
    show_invalid,
    wants_data,
    whole,
)
from providers.demo.generio.runs import ENDED, Flow, Job
from providers.demo.generio.scenarios import Studio, auto
from providers.demo.simulator import Stage, World, simulator

API_KEY = "demo-generio-key"
EXPIRED_KEY = "demo-generio-expired"
EXPIRED = "API key has expired. Create a new one in your account settings."
FILTERS = ("created", "running", "aborting", "completed", "aborted", "failed")  # no `starting`
SORTS = ("status", "state", "progress", "created_at", "started_at", "finished_at")
DELETABLE = ("created", "completed", "aborted", "failed")
TAKES = 20.0  # simulated seconds a flow started through the API works


def detail(status: int, text: str) -> Response:
    """422 in FastAPI's form is the only documented failure; the others follow its habit."""
    return JSONResponse({"detail": text}, status)


class Api:
    """The endpoints, over one account."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.studio = Studio(world)

    # what every endpoint does first

    def admit(self, request: Request) -> None:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if key == EXPIRED_KEY or (key == API_KEY and self.world.options.get("expired")):
            raise HTTPException(401, EXPIRED)
        if key != API_KEY:
            raise HTTPException(401, "Invalid API key")

    def find(self, request: Request) -> Flow:
        self.admit(request)
        ref = request.path_params["flow_id"]
        if len(ref) != 24 or set(ref) - set("0123456789abcdef"):
            raise Invalid("path", "flow_id", msg="value is not a valid id", kind="type_error")
        flow = self.world.runs.get(ref)
        if not isinstance(flow, Flow):
            raise HTTPException(404, "Flow not found")
        return flow

    def refuse(self, text: str) -> HTTPException:
        """The status for a command in the wrong state is undocumented."""
        return HTTPException(int(self.world.options.get("wrong_state", 409)), text)

    # reading

    async def templates(self, request: Request) -> Response:
        self.admit(request)
        return JSONResponse({"templates": [each.show() for each in self.studio.templates]})

    async def flows(self, request: Request) -> Response:
        self.admit(request)
        options = self.world.options
        wanted = choice(request, "filter_by", FILTERS)
        key = choice(request, "sort_by", SORTS) or "created_at"
        rows = [flow.show(options) for flow in self.studio.flows()]
        rows = [row for row in rows if wanted in (None, row["state"])]
        key = "state" if key == "status" else key
        rows.sort(key=lambda row: (row[key] is not None, row[key]))
        return JSONResponse(self._page(rows, request))

    def _page(self, rows: list[dict[str, Any]], request: Request) -> Any:
        """Called paginated, without a word on parameters: everything, unless `page_size` is set."""
        options = self.world.options
        size = int(options.get("page_size", 0))
        number = whole(request, "page", 1)
        part = rows[(number - 1) * size : number * size] if size else rows
        wrap = str(options.get("wrap", "flows"))
        if wrap == "array":
            return part
        if not size:
            return {wrap: part}
        pages = -(-len(rows) // size)
        return {wrap: part, "total": len(rows), "page": number, "size": size, "pages": pages}

    async def details(self, request: Request) -> Response:
        return JSONResponse(self.find(request).show(self.world.options))

    # acting

    async def create(self, request: Request) -> Response:
        self.admit(request)
        body = await read_object(request)
        template = self.studio.template(str(body.get("template")))
        if template is None:
            raise Invalid("body", "template", msg="template does not exist")
        parameters = {**template.parameters, **(body.get("parameters") or {})}
        inputs = body.get("inputs") or []
        read = [read_input(each, template, "inputs", n) for n, each in enumerate(inputs)]
        plan = auto(TAKES)
        if not inputs:
            plan[0] = Stage("created", waits=True)
        job = Job(template, parameters, body.get("additional"))
        flow = Flow(self.world, "started", job, plan)
        for mime, content, additional in read:
            flow.add_input(mime, content, additional)
        self.world.add(flow)
        done = {"ref": flow.ref, "template": template.name, "parameters": parameters}
        asked = {"additional": body.get("additional"), "inputs": len(inputs)}
        self.world.effect("start", {**done, **asked})
        return JSONResponse({"flow_id": flow.ref, "state": flow.status})

    async def act(self, request: Request) -> Response:
        flow = self.find(request)
        action = (await read_object(request)).get("action")
        if action == "start":
            self._start(flow)
        elif action == "abort":
            self._abort(flow)
        else:
            raise Invalid("body", "action", msg="value is not a valid enumeration member")
        return JSONResponse(flow.show(self.world.options))

    def _start(self, flow: Flow) -> None:
        if flow.status != "created" or not flow.stage.waits:
            raise self.refuse("Only a flow created without inputs can be started, and only once.")
        if not flow.inputs:
            raise self.refuse("The flow has no inputs yet.")
        flow.proceed()
        self.world.effect("begin", flow.ref)

    def _abort(self, flow: Flow) -> None:
        if flow.status not in ("starting", "running"):
            raise self.refuse(f"A flow in state '{flow.status}' cannot be aborted.")
        flow.abort()
        self.world.effect("cancel", flow.ref)

    async def delete(self, request: Request) -> Response:
        flow = self.find(request)
        if flow.status not in DELETABLE:
            raise self.refuse(f"A flow in state '{flow.status}' cannot be deleted.")
        self.world.erase(flow)
        self.world.effect("erased", flow.ref)
        return Response(status_code=204)

    # inputs and outputs

    async def inputs(self, request: Request) -> Response:
        flow = self.find(request)
        data = wants_data(request)
        shown = [asset.show({}, include_data=data) for asset in flow.inputs]
        return JSONResponse({"flow_id": flow.ref, "inputs": shown})

    async def input(self, request: Request) -> Response:
        asset = pick(self.find(request).inputs, request)
        return JSONResponse(asset.show({}, include_data=True))

    async def add_input(self, request: Request) -> Response:
        flow = self.find(request)
        body = await read_object(request)
        if flow.status != "created":
            raise self.refuse("Inputs can be added in state 'created' only.")
        mime, content, additional = read_input(body, flow.job.template)
        asset = flow.add_input(mime, content, additional)
        done = {"ref": flow.ref, "asset_id": asset.id, "mime": mime, "size": len(content)}
        self.world.effect("input", {**done, "additional": additional})
        return JSONResponse({"asset_id": asset.id, "status": asset.status})

    def ended(self, request: Request) -> Flow:
        flow = self.find(request)
        if flow.status not in ENDED:
            status = int(self.world.options.get("early_outputs", 409))
            raise HTTPException(status, f"Outputs are not available in state '{flow.status}'.")
        return flow

    async def outputs(self, request: Request) -> Response:
        flow = self.ended(request)
        data, options = wants_data(request), self.world.options
        shown = [asset.show(options, include_data=data) for asset in flow.outputs]
        return JSONResponse({"flow_id": flow.ref, "outputs": shown})

    async def output(self, request: Request) -> Response:
        """JSON with a data URI by the docs, the bytes alone by the quickstart: see `content`."""
        asset = pick(self.ended(request).outputs, request)
        if asset.status != "ready":
            raise self.refuse(asset.error)
        if self.world.options.get("content") == "raw":
            return Response(asset.content, media_type=asset.mime)
        return JSONResponse({"data": asset.data()})


def app(world: World) -> Starlette:
    """The API without a version prefix, and a population that keeps it busy."""
    api = Api(world)
    one = "/flows/{flow_id}"
    routes = [
        Route("/templates", api.templates),
        Route("/flows", api.flows, methods=["GET"]),
        Route("/flows", api.create, methods=["POST"]),
        Route(one, api.details, methods=["GET"]),
        Route(one, api.act, methods=["PATCH"]),
        Route(one, api.delete, methods=["DELETE"]),
        Route(f"{one}/inputs", api.inputs, methods=["GET"]),
        Route(f"{one}/inputs", api.add_input, methods=["POST"]),
        Route(f"{one}/inputs/{{asset_id}}", api.input),
        Route(f"{one}/outputs", api.outputs),
        Route(f"{one}/outputs/{{asset_id}}", api.output),
    ]
    site = simulator(world, routes, key="generio", error=detail)
    site.add_exception_handler(Invalid, show_invalid)
    return site
