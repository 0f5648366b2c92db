"""Simulated Smart Flows (Xpertdoc, Experlogix): the API of one installation.

Written from the vendor's page "Monitoring flow executions" (seed), its public guide
(github.com/Invenso/smart-flows) and its generated client (smart-flows-clients), read November 2026.

Switches (`World.options`): `wrap` array|page, `sort` refuse, `filter` refuse, `max_size`,
`content_path` seed|guide|both, `cancel_path` seed|progress|both, `long_poll` false,
`license` false.

Effects: `answer` {ref, round, values, stored}, `cancel` ref, `erased` ref (a DELETE on a run that
had ended), `start` {ref, flowId, body}, `draft` {ref, model}.
"""

import asyncio
import time
from collections import Counter
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.demo.simulator import World, simulator
from providers.demo.smartflows.installation import ME, Site
from providers.demo.smartflows.list_query import BadQuery, matches, matches_text, page
from providers.demo.smartflows.made_documents import TYPES, Document
from providers.demo.smartflows.runs import Execution, is_uuid

API_KEY = "demo-smartflows-key"
LOOKS_EVERY = 0.1  # seconds between two looks while a progress request is held
HELD_AT_MOST = 60.0  # seconds; the samples pass -1, whose limit nobody documents


def spring_error(status: int, text: str) -> Response:
    """No error body is documented; the server is plainly a Spring application."""
    reason = HTTPStatus(status).phrase
    body = {"timestamp": int(time.time() * 1000), "status": status, "error": reason}
    return JSONResponse({**body, "message": text, "path": "/api/v1"}, status)


class Api:
    """The endpoints, over one installation."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.site = Site(world)

    # what every endpoint does first

    def admit(self, request: Request) -> None:
        if request.headers.get("X-API-Key") != API_KEY:
            raise HTTPException(401, "Full authentication is required to access this resource")
        if self.world.options.get("license") is False:
            raise HTTPException(403, "The license does not include the use of the API.")

    def find(self, request: Request) -> Execution:
        self.admit(request)
        ref = request.path_params["id"]
        if not is_uuid(ref):
            raise HTTPException(400, f"Failed to convert '{ref}' to type 'UUID'.")
        run = self.world.runs.get(ref.lower())
        if not isinstance(run, Execution):
            raise HTTPException(404, f"Flow execution '{ref}' was not found.")
        return run

    def rows(self) -> list[dict[str, Any]]:
        return [run.row() for run in self.site.executions()]

    # reading

    async def users_me(self, request: Request) -> Response:
        self.admit(request)
        return JSONResponse({**ME, "email": "dashboard@example.org", "role": "Super User"})

    async def methods(self, request: Request) -> Response:
        login = {"enabled": True}
        return JSONResponse({"login": login, "methods": ["native"], "oauth2": []})

    async def list_flows(self, request: Request) -> Response:
        self.admit(request)
        query = {**request.query_params, "sort": ""}
        rows = [flow.show() for flow in self.site.flows]
        return JSONResponse(page(rows, query, self.world.options))

    async def list_executions(self, request: Request) -> Response:
        self.admit(request)
        text = request.query_params.get("filter", "")
        rows = [row for row in self.rows() if matches_text(row, text)]
        wanted = request.path_params.get("flow")
        if wanted is not None:
            if self.site.flow(wanted) is None:
                raise HTTPException(404, f"Flow '{wanted}' was not found.")
            rows = [row for row in rows if (row.get("flow") or {}).get("id") == wanted]
        return JSONResponse(page(rows, request.query_params, self.world.options))

    async def filter(self, request: Request) -> Response:
        self.admit(request)
        if self.world.options.get("filter") == "refuse":
            raise BadQuery("The filter could not be read.")
        tree = await read_object(request)
        rows = [row for row in self.rows() if matches(row, tree)]
        return JSONResponse(page(rows, request.query_params, self.world.options))

    async def statistics(self, request: Request) -> Response:
        """Counts per status; `groupTimeBy` day is the only grouping simulated."""
        self.admit(request)
        tree = await read_object(request)
        counts: dict[str, Counter[str]] = {}
        for row in self.rows():
            if matches(row, tree):
                day = str(row.get("createdAt", ""))[:10]
                counts.setdefault(day, Counter())[str(row.get("status"))] += 1
        times = [
            {
                "label": day,
                "perStatus": [{"status": s, "count": n} for s, n in sorted(found.items())],
                "totalCount": found.total(),
            }
            for day, found in sorted(counts.items())
        ]
        return JSONResponse({"perTime": times, "perObject": [], "perUser": []})

    async def progress(self, request: Request) -> Response:
        """Held until something changes or the time is up, 30 s unless `timeout` says otherwise."""
        run = self.find(request)
        try:
            seconds = float(request.query_params.get("timeout", 30))
        except ValueError as exc:
            raise BadQuery("timeout is a number of seconds.") from exc
        if self.world.options.get("long_poll", True):
            await self._hold(run, HELD_AT_MOST if seconds < 0 else min(seconds, HELD_AT_MOST))
        return JSONResponse(run.progress())

    async def _hold(self, run: Execution, seconds: float) -> None:
        before, end = run.short(), time.monotonic() + seconds
        while time.monotonic() < end and not run.is_final and run.short() == before:
            await asyncio.sleep(min(LOOKS_EVERY, max(0.0, end - time.monotonic())))

    async def details(self, request: Request) -> Response:
        return JSONResponse(self.find(request).details())

    async def status(self, request: Request) -> Response:
        """Its shape is undocumented; `output` takes an id or a name."""
        run = self.find(request)
        wanted = request.query_params.get("output")
        outputs = {
            document.property: document.reference()
            for document in run.documents
            if run.is_final and wanted in (None, document.property, document.id)
        }
        return JSONResponse({"id": run.ref, "status": run.status, "outputs": outputs})

    # acting

    async def answer(self, request: Request) -> Response:
        run = self.find(request)
        values = await read_object(request)
        if run.status != "UserInput":
            raise HTTPException(409, "The flow execution is not waiting for user input.")
        number = run.asked
        stored = run.answer(values)
        run.modified_by = ME
        done = {"ref": run.ref, "round": number, "values": values, "stored": stored}
        self.world.effect("answer", done)
        return JSONResponse(run.progress())

    async def draft(self, request: Request) -> Response:
        run = self.find(request)
        body = await read_object(request)
        self.world.effect("draft", {"ref": run.ref, "model": body.get("model")})
        return Response(status_code=204)

    async def cancel(self, request: Request) -> Response:
        """Stops a run. On one that has ended, the generic DELETE of an entity erases it."""
        run = self.find(request)
        old = request.url.path.endswith("/progress")
        mine = "progress" if old else "seed"
        if self.world.options.get("cancel_path", "seed") not in (mine, "both"):
            raise HTTPException(405, "Request method 'DELETE' not supported")
        if run.is_final:
            self.world.erase(run)
            self.world.effect("erased", run.ref)
            return Response(status_code=204)
        run.cancel(ME)
        self.world.effect("cancel", run.ref)
        return JSONResponse(run.progress()) if old else Response(status_code=204)

    async def start(self, request: Request) -> Response:
        self.admit(request)
        wanted = request.query_params.get("flowId", "")
        if not wanted:
            raise BadQuery("Required parameter 'flowId' is not present.")
        flow = self.site.flow(wanted)
        if flow is None:
            raise HTTPException(404, f"Flow '{wanted}' was not found.")
        body = (await request.body()).decode(errors="replace")
        silent = request.url.path.endswith("/start")
        run = self.site.started(flow, body, silent=silent)
        self.world.effect("start", {"ref": run.ref, "flowId": wanted, "body": body})
        return JSONResponse(run.short())

    # documents

    def find_document(self, request: Request) -> Document:
        self.admit(request)
        document = self.site.document(request.path_params["document"])
        if document is None:
            raise HTTPException(404, "The document was not found.")
        return document

    async def document(self, request: Request) -> Response:
        return JSONResponse(self.find_document(request).metadata())

    async def content(self, request: Request) -> Response:
        document = self.find_document(request)
        mine = "guide" if request.url.path.endswith("/content") else "seed"
        if self.world.options.get("content_path", "seed") not in (mine, "both"):
            raise HTTPException(404, "No message available")
        return Response(document.content(), media_type=TYPES[document.ending])


async def read_object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as exc:
        raise BadQuery("JSON parse error") from exc
    if not isinstance(body, dict):
        raise BadQuery("The body has to be an object.")
    return body


def app(world: World) -> Starlette:
    """The API under /api/v1, and a population that keeps it busy."""
    api = Api(world)
    runs = "/api/v1/flows/executions"
    one = f"{runs}/{{id}}"
    routes = [
        Route("/api/v1/authenticate", api.methods),
        Route("/api/v1/users/me", api.users_me),
        Route("/api/v1/flows", api.list_flows),
        Route(runs, api.list_executions, methods=["GET"]),
        Route(runs, api.start, methods=["POST"]),
        Route(f"{runs}/start", api.start, methods=["POST"]),
        Route(f"{runs}/filter", api.filter, methods=["POST"]),
        Route(f"{runs}/statistics", api.statistics, methods=["POST"]),
        Route(f"{one}/progress", api.progress, methods=["GET"]),
        Route(f"{one}/progress", api.answer, methods=["POST"]),
        Route(f"{one}/progress", api.cancel, methods=["DELETE"]),
        Route(f"{one}/status", api.status),
        Route(f"{one}/state", api.draft, methods=["POST"]),
        Route(one, api.details, methods=["GET"]),
        Route(one, api.cancel, methods=["DELETE"]),
        Route("/api/v1/flows/{flow}/executions", api.list_executions),
        Route("/api/v1/documents/content/{document}", api.content),
        Route("/api/v1/documents/{document}/content", api.content),
        Route("/api/v1/documents/{document}", api.document),
    ]
    return simulator(world, routes, key="smartflows", error=spring_error)
