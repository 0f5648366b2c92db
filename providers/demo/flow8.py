"""Simulates flow8, written from its public documentation alone (read in November 2026).

Reading order: the flows, the plans of the scenarios, `Play` (one execution), `Engine` (the
installation and its endpoints), `Channel` (the push channel), `app`. What the documentation leaves
open is a switch in `world.options`:

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

import asyncio
import base64
import json
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from providers.demo.world import GOES_ON_AFTER, Population, Run, Stage, World, simulator


def make_key(scope: str) -> str:
    """A made-up API key in the documented form, a JWT that names its scopes."""
    claims: dict[str, Any] = {
        "userId": "664e00000000000000000001",
        "companyId": "664e000000000000000000c0",
    }
    claims |= {"keyId": f"key-{scope}", "scopes": [scope], "iat": 1_717_400_000}
    parts = ({"alg": "HS256", "typ": "JWT"}, claims, f"demo signature of {scope}")
    packed = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return ".".join(part.decode().rstrip("=") for part in packed)


API_KEY = make_key("standard")
MCP_KEY = make_key("mcp")  # is for the MCP server alone
EMAIL = "operations@nordhafen.example"
PASSWORD = "demo-flow8-password"
COOKIE = "sid"
SESSION_SECONDS = 3600
PREFIXES = ("/api/v1", "/api")
STATES = ("NEW", "RUN", "DONE", "FAIL", "SKIP", "FILTERED", "DEFERRED", "WAIT", "ON_HOLD")
ENDED = ("DONE", "FAIL", "SKIP", "FILTERED")
ERRORS = {
    400: "VALIDATION_ERROR", 401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND",
}  # fmt: skip
STEP_TAKES = 3.0  # seconds
HELD_FOR = 2 * 3600.0  # seconds until somebody releases what is on hold
BIG_ROWS = 3_400  # of an exported ledger: about 200 kB of JSON
SERVICE_RESTART = 1012  # WebSocket close code

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Emit = Callable[[dict[str, Any]], None]

# key -> (name, category, steps). ! needs approval, ? waits for an outside event, - is filtered
# out, ~ may fail without failing the play; a + joins parallel steps.
FLOWS = {
    "payout": (
        "Claim pay-out above limit", "claims",
        "readClaim checkCover alertTeam- approvePayOut! payOut notifyCustomer",
    ),
    "release": (
        "Supplier invoice: two-step release", "finance",
        "downloadPdf extractText releaseByCostCenter! releaseByFinance! postToLedger",
    ),
    "addendum": (
        "Contract change with legal and actuarial sign-off", "underwriting",
        "readContract signOffLegal!+signOffActuary! renderAddendum sendAddendum",
    ),
    "carrier": (
        "Carrier booking", "logistics", "readOrder bookCarrier awaitConfirmation? updateOrder",
    ),
    "intake": (
        "Invoice intake", "finance", "downloadPdf extractText classifyInvoice postToLedger",
    ),
    "address": (
        "Customer address change", "service",
        "validateAddress updateCrm+updatePolicySystem sendLetter",
    ),
    "ledger": (
        "Nightly ledger export", "finance", "openPeriod exportLedger checkTotals uploadToWarehouse",
    ),
    "stock": ("Stock level alert", "logistics", "readStock compareThresholds alertBuyer"),
    "damage": (
        "Damage report triage", "claims", "readReport scoreDamage~ assignAdjuster notifyCustomer",
    ),
    "close": (
        "Month-end reconciliation of premium accounts, reinsurance shares and broker commissions "
        "across all subsidiaries (parallel ledgers, local currency and group currency)", "finance",
        "lockPeriod readPremiums readReinsurance readCommissions matchPremiums matchReinsurance "
        "matchCommissions writeDifferences renderReport publishReport",
    ),
    "matching": (
        "請求書の自動照合", "finance", "downloadPdf extractText matchOrder postToLedger",
    ),
    "suppliers": (
        "Supplier master data sync", "procurement", "readSuppliers enrichTaxIds~ writeErp",
    ),
    "fax": ("Fax intake (old)", "service", "readFax extractText createCase"),
}  # fmt: skip
SWITCHED_OFF = ("fax",)
FAILURES = {
    "extractText": (
        "PDF is encrypted and cannot be read",
        "execution timeout after 60 s",
        "Page 3 holds no text and text recognition is not licensed",
    ),
    "updateCrm": ("connect ETIMEDOUT 10.20.4.17:8443", "Customer record is locked by m.lindt"),
    "bookCarrier": ("Carrier answered 503 Service Unavailable after 3 attempts",),
    "compareThresholds": ("Material 88-1204 has no reorder threshold",),
    "scoreDamage": ("Image service answered 429 Too Many Requests after 5 attempts",),
    "enrichTaxIds": ("Tax id service is in maintenance until 06:00 UTC",),
}  # by the step that fails


@dataclass(frozen=True)
class Layer:
    """A step of a flow."""

    id: str
    ref: str
    index: int
    marks: str

    @property
    def waits(self) -> bool:
        return bool(set(self.marks) & {"!", "?"})

    def as_json(self) -> dict[str, Any]:
        words = "".join(f" {c.lower()}" if c.isupper() else c for c in self.ref)
        shown = {"id": self.id, "ref": self.ref, "name": words.capitalize(), "index": self.index}
        on_error = {"onError": "continue"} if "~" in self.marks else {}
        return shown | {"needsApproval": "!" in self.marks} | on_error


@dataclass(frozen=True)
class Flow:
    id: str
    key: str
    name: str
    category: str
    enabled: bool
    created_at: datetime
    layers: tuple[Layer, ...]

    def groups(self) -> list[list[Layer]]:
        """Layers that run together, in order."""
        places = sorted({layer.index for layer in self.layers})
        return [[layer for layer in self.layers if layer.index == place] for place in places]

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "enabled": self.enabled,
            "category": self.category,
            "groupId": None,
            "permanentId": f"flow-{self.key}",
            "version": 1 + len(self.layers),
            "createdAt": stamp(self.created_at),
            "updatedAt": stamp(self.created_at + timedelta(days=40)),
        }


@dataclass(frozen=True)
class Beat(Stage):
    """A stage of a play and the layers whose state changes when it begins."""

    sets: dict[str, str] = field(default_factory=dict)


def walk(groups: Sequence[Sequence[Layer]], seconds: float = STEP_TAKES) -> list[Beat]:
    """Run group after group; a group that waits is one WAIT beat more. The last beat ends all."""
    beats, ended = [Beat("NEW", 1.0)], dict[str, str]()
    for group in groups:
        runs = {x.ref: "FILTERED" if "-" in x.marks else "RUN" for x in group}
        if any(layer.waits for layer in group):
            waits = {layer.ref: "WAIT" for layer in group if layer.waits}
            beats.append(Beat("WAIT", GOES_ON_AFTER, True, ended | runs | waits))
            ended = {}
        beats.append(Beat("RUN", seconds, sets=ended | runs))
        ended = {x.ref: "FILTERED" if "-" in x.marks else "DONE" for x in group}
    return [*beats, Beat("DONE", sets=ended)]


def goes_well(flow: Flow) -> list[Beat]:
    return walk(flow.groups())


def fails(flow: Flow) -> list[Beat]:
    """The second group fails; what would follow is never reached."""
    groups = flow.groups()[:2]
    beats = walk(groups)
    failed = groups[-1][0].ref
    return [*beats[:-1], replace(beats[-1], status="FAIL", sets=beats[-1].sets | {failed: "FAIL"})]


def fails_and_goes_on(flow: Flow) -> list[Beat]:
    tolerant = [layer.ref for layer in flow.layers if "~" in layer.marks]
    return [
        replace(beat, sets={k: "FAIL" if k in tolerant and v == "DONE" else v
                            for k, v in beat.sets.items()})
        for beat in walk(flow.groups())
    ]  # fmt: skip


def is_held(flow: Flow) -> list[Beat]:
    new, first, *rest = walk(flow.groups())
    second = {layer.ref: "ON_HOLD" for layer in flow.groups()[1]}
    held = Beat("ON_HOLD", HELD_FOR, True, rest[0].sets | second)
    return [new, first, held, *rest]


def is_deferred(flow: Flow) -> list[Beat]:
    return [Beat("DEFERRED", 15 * 60.0, True), *walk(flow.groups())]


def is_filtered(flow: Flow) -> list[Beat]:
    return [Beat("NEW", 1.0), Beat("FILTERED", sets={x.ref: "FILTERED" for x in flow.layers})]


def is_skipped(flow: Flow) -> list[Beat]:
    new, first, *_ = walk(flow.groups())
    done, *others = (layer.ref for layer in flow.layers)
    return [new, first, Beat("SKIP", sets={done: "DONE"} | dict.fromkeys(others, "SKIP"))]


def is_long(flow: Flow) -> list[Beat]:
    new, first, *rest = walk(flow.groups(), seconds=50.0)
    later = {layer.ref: "NEW" for layer in flow.layers[1:]}
    return [new, replace(first, sets=first.sets | later), *rest]


def is_strange(flow: Flow) -> list[Beat]:
    """A state of a later version, say; nothing documents it."""
    *beats, done = walk(flow.groups())
    return [*beats, Beat("ARCHIVING", 600.0, True, done.sets), Beat("DONE")]


# scenario -> (its plan, the flows it happens to, its weight in the demo)
SCENARIOS: dict[str, tuple[Callable[[Flow], list[Beat]], str, int]] = {
    "quick_done": (goes_well, "intake address stock matching suppliers damage", 44),
    "failing": (fails, "intake address matching carrier stock", 8),
    "approval": (goes_well, "payout", 8),
    "two_approvals": (goes_well, "release", 6),
    "parallel_approvals": (goes_well, "addendum", 4),
    "external_event": (goes_well, "carrier", 6),
    "on_hold": (is_held, "intake suppliers", 2),
    "deferred": (is_deferred, "ledger suppliers", 3),
    "filtered": (is_filtered, "stock", 5),
    "skip": (is_skipped, "suppliers address", 3),
    "big_out": (goes_well, "ledger", 3),
    "continue_on_error": (fails_and_goes_on, "damage suppliers", 4),
    "long_running": (is_long, "close", 4),
    "unknown_state": (is_strange, "intake", 1),
}
# what is going on when somebody opens the demo: scenario -> minutes ago
STANDING = {
    "on_hold": 52, "failing": 17, "parallel_approvals": 11, "two_approvals": 8,
    "deferred": 6, "external_event": 5, "approval": 3, "long_running": 2,
}  # fmt: skip


class Play(Run):
    """One execution with the layers reached so far."""

    def __init__(
        self,
        world: World,
        flow: Flow,
        scenario: str,
        plan: Sequence[Stage],
        args: dict[str, Any],
        at: datetime,
        emit: Emit,
    ) -> None:
        self.flow = flow
        self.args = args
        self.emit = emit
        self.key: str | None = None  # idempotency key it was started with
        self.started_at: datetime | None = None
        self.layers: dict[str, dict[str, Any]] = {}  # by ref
        super().__init__(world, new_id(world.random, at), scenario, plan, at=at)

    def entered(self, stage: Stage, at: datetime) -> None:
        beat = cast(Beat, stage)
        if beat.status not in ("NEW", "DEFERRED") and self.started_at is None:
            self.started_at = at
            if beat.status not in ENDED:  # there is no event of a play that is filtered out
                self._tell("play:started", at, state="RUN")
        for ref, state in beat.sets.items():
            self.set_layer(ref, state, at)
        asking = [ref for ref in self.asking() if beat.status == "WAIT"]
        if beat.status == "DONE":
            self._tell("play:completed", at, state="DONE", duration=self._lasted(at))
        elif beat.status == "FAIL":
            failed = next(x for x in reversed(self.layers.values()) if x["state"] == "FAIL")
            told = {"ref": failed["ref"], "error": failed["error"]}
            self._tell("play:failed", at, state="FAIL", **told)
        elif asking:
            layer = self.layers[asking[0]]
            self._tell("play:waiting", at, state="WAIT", layerId=layer["id"], ref=asking[0])

    def asking(self) -> list[str]:
        """Refs of the layers that wait for an approval."""
        asked = [layer.ref for layer in self.flow.layers if "!" in layer.marks]
        return [ref for ref in asked if self.layers.get(ref, {}).get("state") == "WAIT"]

    def set_layer(self, ref: str, state: str, at: datetime) -> None:
        layer = self.layers.get(ref)
        if layer is None:
            layer = self.layers[ref] = {"id": new_id(self.world.random, at), "ref": ref}
        if layer.get("state") == state:
            return
        layer["state"] = state
        told: dict[str, Any] = {"layerId": layer["id"], "ref": ref, "state": state}
        if state == "RUN":
            layer.setdefault("startedAt", at)
            self._tell("play:layer:started", at, **told)
        elif state == "FAIL":
            if "error" not in layer:
                layer["error"] = self.world.random.choice(FAILURES[ref])
            layer["completedAt"] = at
            self._tell("play:layer:failed", at, error=layer["error"], **told)
        elif state in ENDED:
            if state == "DONE":
                layer["completedAt"] = at
                told["out"] = self.out_of(ref)
            self._tell("play:layer:completed", at, **told)

    def decide(self, ref: str, decision: str, note: str) -> None:
        """Approve or decline one waiting layer; the play goes on when none is left."""
        now = self.world.now()
        if decision == "declined":
            target = self.world.options.get("decline_to", "FAIL")
            if target == "FAIL":
                self.layers[ref]["error"] = f"Declined: {note}" if note else "Declined"
            ends = {"RUN": "DONE", "WAIT": "SKIP"}  # of layers beside it
            open_layers = [
                x for x in self.layers.values() if x["state"] in ends and x["ref"] != ref
            ]
            others = {layer["ref"]: ends[layer["state"]] for layer in open_layers}
            self.turn(Beat(target, sets={ref: target} | others))
            return
        self.set_layer(ref, "RUN", now)
        if not self.asking():
            self.proceed()

    def _tell(self, kind: str, at: datetime, **more: Any) -> None:
        event = {"type": kind, "playId": self.ref, "flowId": self.flow.id}
        self.emit(event | more | {"timestamp": stamp(at)})

    def _lasted(self, at: datetime) -> int:
        return int((at - (self.started_at or at)).total_seconds() * 1000)

    def out_of(self, ref: str) -> dict[str, Any]:
        """What a step has put out; made anew each time, so that nothing big is kept."""
        headers: dict[str, Any] = {"content-type": "application/json"}
        if ref == "exportLedger":
            # made up, to look like what must not be shown
            headers |= {"authorization": "Bearer demo-secret-5f1c9e77d0", "set-cookie": "s=8d1f"}
            chance = Random(self.ref)
            rows = [
                {
                    "account": 4000 + n % 800,
                    "amount": chance.randrange(10**6) / 100,
                    "text": "Premium",
                }
                for n in range(BIG_ROWS)
            ]
            keys = {"api_key": "demo-secret-0b64a2c1", "period": "2026-11"}
            return {"statusCode": 200, "headers": headers, "body": keys | {"rows": rows}}
        if ref.startswith("extract"):
            return {"text": f"Invoice #{self.args.get('invoiceId', '-')}\nAmount: 1,250.00 EUR\n"}
        if ref.startswith(("read", "download")):
            return {"statusCode": 200, "headers": headers, "body": self.args}
        return {"ok": True}

    def as_json(self) -> dict[str, Any]:
        state, ended = self.status, self.finished_at
        shown: dict[str, Any] = {"id": self.ref, "flowId": self.flow.id, "state": state}
        if self.started_at:
            shown["startedAt"] = stamp(self.started_at)
        if self.world.options.get("created_at"):
            shown["createdAt"] = stamp(self.created_at)
        if ended and state in ENDED:
            # `completedAt` is described as the time of a successful end alone (data model page)
            name = self.world.options.get("failed_at") if state == "FAIL" else "completedAt"
            shown |= ({name: stamp(ended)} if name else {}) | {"duration": self._lasted(ended)}
        return shown | {"args": self.args}

    def layers_json(self) -> list[dict[str, Any]]:
        self.advance()
        extra = self.world.options.get("layer_field")
        ids = {layer.ref: layer.id for layer in self.flow.layers}
        rows = []
        for layer in self.layers.values():
            times = {k: stamp(layer[k]) for k in ("startedAt", "completedAt") if k in layer}
            row = layer | times | ({extra: ids[layer["ref"]]} if extra else {})
            if layer["state"] == "DONE":
                row["out"] = self.out_of(layer["ref"])
            rows.append(row)
        return rows

    def script(self) -> dict[str, Any]:
        told, layers = super().script(), self.layers.values()
        states = [{"ref": layer["ref"], "state": layer["state"]} for layer in layers]
        return told | {"flow": self.flow.id, "layers": states}


class Channel:
    """The push channel: every event to every connection, nothing is kept for later."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.listeners: dict[asyncio.Queue[Any], asyncio.AbstractEventLoop] = {}
        world.ticks.append(self._drop_if_asked)

    def emit(self, event: dict[str, Any] | None) -> None:
        """Send to all; None closes them. A test may look at a run from another thread."""
        for queue, loop in list(self.listeners.items()):
            loop.call_soon_threadsafe(queue.put_nowait, event)

    def _drop_if_asked(self) -> None:
        if self.world.options.get("ws") == "drop":
            self.emit(None)

    async def serve(self, socket: WebSocket) -> None:
        await socket.accept()
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self.listeners[queue] = asyncio.get_running_loop()
        gone = asyncio.create_task(until_gone(socket))
        try:
            await self._pass_on(socket, queue, gone)
        except WebSocketDisconnect:
            pass  # went away while an event was under way
        finally:
            del self.listeners[queue]
            gone.cancel()

    async def _pass_on(
        self, socket: WebSocket, queue: asyncio.Queue[Any], gone: asyncio.Task[None]
    ) -> None:
        while True:
            coming = asyncio.create_task(queue.get())
            await asyncio.wait({coming, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                coming.cancel()
                return
            event = coming.result()
            if event is None:
                await socket.close(SERVICE_RESTART)
                return
            await socket.send_json(event)


class Engine:
    """One installation: its flows, its plays and the endpoints."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.channel = Channel(world)
        self.sessions: dict[str, datetime] = {}  # cookie -> when it ends
        self.flows: dict[str, Flow] = {}
        self.by_key: dict[str, Flow] = {}
        for key, (name, category, text) in FLOWS.items():
            since = world.now() - timedelta(days=world.random.randrange(100, 500))
            made = self._make_flow(key, name, category, text, since)
            self.flows[made.id] = self.by_key[key] = made
        for scenario in SCENARIOS:
            world.scenarios[scenario] = partial(self.begin, scenario)

    def _make_flow(self, key: str, name: str, category: str, text: str, since: datetime) -> Flow:
        layers = [
            Layer(self.world.new_hex24(), each.rstrip("!?-~"), index, each.lstrip(letters()))
            for index, group in enumerate(text.split())
            for each in group.split("+")
        ]
        enabled = key not in SWITCHED_OFF
        ident = self.world.new_hex24()
        return Flow(ident, key, name, category, enabled, since, tuple(layers))

    def begin(
        self, scenario: str, *, at: datetime | None = None, ago: float = 0.0, varied: bool = False
    ) -> Play:
        """Start one play of a scenario, `ago` real seconds in the past."""
        plan_of, keys, _ = SCENARIOS[scenario]
        flow = self.by_key[self.world.random.choice(keys.split())]
        plan = plan_of(flow)
        if varied:
            plan = [self._vary(beat) for beat in plan]
        at = at or self.world.now() - timedelta(seconds=ago)
        return self._add(flow, scenario, plan, self._args(flow), at)

    def begin_any(self, at: datetime) -> None:
        weights = [weight for _, _, weight in SCENARIOS.values()]
        self.begin(self.world.random.choices(list(SCENARIOS), weights)[0], at=at, varied=True)

    def _vary(self, beat: Beat) -> Beat:
        if beat.seconds is None:
            return beat
        low, high = (0.1, 1.0) if beat.waits else (0.4, 2.0)
        return replace(beat, seconds=beat.seconds * self.world.random.uniform(low, high))

    def _args(self, flow: Flow) -> dict[str, Any]:
        number = self.world.random.randrange(1_000, 9_999)
        if flow.category == "finance":
            return {"invoiceId": f"INV-{number}", "customerEmail": "client@example.com"}
        if flow.category == "claims":
            return {"claim": f"C-{number}", "amount": self.world.random.randrange(400, 9_000)}
        return {"reference": f"{flow.category[:3].upper()}-{number}"}

    def _add(
        self, flow: Flow, scenario: str, plan: list[Beat], args: dict[str, Any], at: datetime
    ) -> Play:
        play = Play(self.world, flow, scenario, plan, args, at, self.channel.emit)
        self.world.add(play)
        return play

    # endpoints

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
        return self._page(request, [flow.as_json() for flow in found])

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
            for play in self._ordered()
            if flow_id in (None, play.flow.id)
            and state in (None, play.status)
            and (first is None or (play.started_at or play.created_at).date() >= first)
            and (last is None or (play.started_at or play.created_at).date() <= last)
        ]
        return self._page(request, [play.as_json() for play in found])

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
        play = self._done_with(flow, key) if key else None
        if play is None:
            play = self._add(flow, "started", goes_well(flow), args, self.world.now())
            play.proceed()  # the documented answer says RUN
            play.key = key
            what = {"ref": play.ref, "flow": flow.id, "values": args, "key": key}
            self.world.effect("start", what)
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

    def _page(self, request: Request, rows: list[dict[str, Any]]) -> Response:
        page = whole(request.query_params.get("page", 0), "page", 0, 10**6)
        size = whole(request.query_params.get("size", 25), "size", 1, 100)
        part = rows[page * size : (page + 1) * size]
        if self.world.options.get("lists", "wrapped") == "bare":
            return JSONResponse(part)
        total = {"total": len(rows), "page": page, "size": size, "pages": -(-len(rows) // size)}
        return JSONResponse({"data": part} | total)

    def _ordered(self) -> list[Play]:
        """All plays; their order is not documented."""
        plays = cast(list[Play], list(self.world.runs.values()))
        for play in plays:
            play.advance()
        order = self.world.options.get("order", "newest")
        if order == "mixed":
            return sorted(plays, key=lambda play: play.ref[::-1])
        reverse = order == "newest"
        return sorted(plays, key=lambda play: (play.created_at, play.ref), reverse=reverse)

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

    def _done_with(self, flow: Flow, key: str) -> Play | None:
        """A finished play started with this key; only DONE ones count (seed)."""
        for play in self._ordered():
            if play.flow is flow and play.key == key and play.status == "DONE":
                return play
        return None


USER = {
    "id": "664e00000000000000000001",
    "email": EMAIL,
    "name": "Operations desk",
    "companyId": "664e000000000000000000c0",
}


async def until_gone(socket: WebSocket) -> None:
    """There is no message a client could send; whatever comes is dropped."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def letters() -> str:
    return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def new_id(chance: Random, at: datetime) -> str:
    """An object id as the database behind flow8 makes them: it begins with the second."""
    return f"{int(at.timestamp()):08x}{chance.getrandbits(64):016x}"


def stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


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


def app(world: World) -> Starlette:
    """Build the API; with `world.populate` a morning of back-office work is under way in it."""
    engine = Engine(world)
    if world.populate:
        for scenario, minutes in STANDING.items():
            engine.begin(scenario, ago=minutes * 60.0)
    Population(world, engine.begin_any)
    user = engine.open_to_users
    inner: list[BaseRoute] = [
        Route("/auth/login", engine.open_to_all(engine.login), methods=["POST"]),
        Route("/auth/me", user(engine.me)),
        Route("/flows", user(engine.list_flows)),
        Route("/flows/{flow}", user(engine.get_flow)),
        Route("/flows/{flow}/plays", user(engine.list_plays)),
        Route("/flows/{flow}/run", user(engine.run_flow), methods=["POST"]),
        Route("/plays", user(engine.list_plays)),
        Route("/plays/{play}", user(engine.get_play)),
        Route("/plays/{play}/layers", user(engine.list_layers)),
        Route("/plays/{play}/approve", user(engine.approve), methods=["POST"]),
        WebSocketRoute("/ws", engine.socket),
    ]
    mounts = [Mount(prefix, routes=inner) for prefix in PREFIXES]
    return simulator(world, mounts, key="flow8", error=error)
