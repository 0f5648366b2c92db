"""Simulates the 8x8 Automation API, written from its public documentation alone (November 2026).

Reading order: the definitions, the plans of the scenarios, `Instance` (one workflow instance),
`Automation` (the installation and its endpoints), `app`. What the documentation leaves open is a
switch in `world.options`:

- `definition_shape`: `nested` (the published example: id and version inside `definition`) or `top`
  (the published schema)
- `offset_counts`: `items` or `pages`
- `unknown_definition`: `404` (response table) or `empty` (text) for the list of instances
- `errors_shape`: `array` or `object` (one published example); `errors_fail`: true answers 500
- `wrong_state`: `400`, or `silent` (200 and nothing done)
- `open_steps`: `null` or `missing`, the `completedAt` of a step that has not ended
- `terminated_time`: false leaves `completedAt` of a terminated instance null
"""

import uuid
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from providers.demo.world import GOES_ON_AFTER, Population, Run, Stage, World, simulator

API_KEY = "demo-eightx8-key"
ACCOUNT_ID = "nordhafen"
STATUSES = ("Runnable", "Suspended", "Complete", "Terminated")
CODES = {400: 1000, 401: 1200, 403: 1201, 404: 1300, 429: 1400}  # by HTTP status, else 2000
WORKFLOW_ID_DIGITS = 24  # hexadecimal, as in every published example
RESUMED_AFTER = 3 * 3600.0  # seconds after which somebody else resumes what a fault suspended

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

# key -> (name, trigger, sub-account, latest version, steps as id:stepType)
DEFINITIONS = {
    "notice": (
        "Parcel notice", "http_request", "nordhafen_wa", 4,
        "send_notice:ChatAppsMessage log_notice:HttpRequest",
    ),
    "reschedule": (
        "Parcel rescheduling", "inbound_chat_apps", "nordhafen_wa", 3,
        "ask_slot:ChatAppsMessage await_slot:WaitForReply book_slot:HttpRequest "
        "confirm_slot:ChatAppsMessage",
    ),
    "reminder": (
        "Appointment reminder", "http_request", "nordhafen_sms", 2,
        "send_reminder:SMS until_the_day_before:Wait send_second_reminder:SMS",
    ),
    "claim": (
        "Claim intake by chat", "inbound_chat_apps", "nordhafen_wa", 7,
        "greet:ChatAppsMessage ask_policy_number:ChatAppsMessage "
        "await_policy_number:WaitForReply look_up_policy:HttpRequest has_cover:If "
        "open_claim:HttpRequest send_claim_number:ChatAppsMessage",
    ),
    "roadside": (
        "Roadside assistance dispatch", "http_request", "nordhafen_sms", 5,
        "locate_car:HttpRequest choose_partner:Branch send_partner:SMS tell_customer:SMS",
    ),
    "driver": (
        "Driver check-in", "http_request", "nordhafen_sms", 2,
        "ask_position:SMS read_position:HttpRequest has_arrived:If",
    ),
    "alarm": (
        "Warehouse alarm call-out", "http_request", "nordhafen_voice", 3,
        "call_guard:VoiceMessage await_key_press:WaitForDTMF report_alarm:HttpRequest",
    ),
    "dunning": (
        "Overdue invoice reminder: second notice with payment link, instalment offer and "
        "hand-over to collections (business customers, all regions, without disputed invoices)",
        "http_request", "nordhafen_sms", 11,
        "read_balance:HttpRequest send_payment_link:SMS log_notice:HttpRequest",
    ),
    "redelivery": (
        "配送通知（再配達の受付）", "http_request", "nordhafen_wa", 1,
        "send_notice:ChatAppsMessage log_notice:HttpRequest",
    ),
    "survey": (
        "Delivery survey of the day", "http_request", "nordhafen_sms", 6,
        "read_deliveries:HttpRequest send_north:SMS send_east:SMS send_south:SMS send_west:SMS "
        "send_islands:SMS collect_replies:HttpRequest score_replies:HttpRequest "
        "store_scores:HttpRequest report_to_depots:HttpRequest",
    ),
    "campaign": (
        "Winter tyre campaign", "http_request", "nordhafen_sms", 2,
        "read_contacts:HttpRequest send_offer:SMS await_answer:WaitForReply "
        "book_appointment:HttpRequest",
    ),
}  # fmt: skip

SECONDS = {
    "SMS": 3.0, "ChatAppsMessage": 3.0, "VoiceMessage": 20.0, "HttpRequest": 4.0, "If": 1.0,
    "Branch": 1.0, "Wait": 900.0, "WaitForReply": GOES_ON_AFTER, "WaitForDTMF": GOES_ON_AFTER,
}  # fmt: skip
BLOCKED = {
    "Wait": "Sleeping", "WaitForReply": "WaitingForEvent", "WaitForDTMF": "WaitingForEvent",
}  # fmt: skip
FAULTS = {
    "SMS": (
        "Destination number is not reachable.",
        "Sender id NORDHAFEN is not registered for the destination country.",
    ),
    "ChatAppsMessage": (
        "Template parcel_notice_de is paused because of its quality rating.",
        "The 24 hour session window is closed; only template messages can be sent.",
    ),
    "HttpRequest": (
        "The remote server returned an error: (503) Service Unavailable.",
        "Request to https://tms.nordhafen.example/slots timed out after 30 seconds.",
        "The remote server returned an error: (422) policyNumber must have 9 digits.",
    ),
}


@dataclass
class Definition:
    """A workflow definition; version 1 had one step less than the later ones."""

    id: str
    name: str
    trigger: str
    sub_account: str
    version: int
    steps: list[tuple[str, str]]
    created_at: datetime
    status: str = "enabled"

    def steps_of(self, version: int) -> list[tuple[str, str]]:
        return self.steps[:-1] if version == 1 < self.version else self.steps

    def as_json(self, version: int, shape: str) -> dict[str, Any]:
        steps = self.steps_of(version)
        following = [{"nextStepId": name} for name, _ in steps[1:]] + [{}]
        inner: dict[str, Any] = {
            "name": self.name,
            "steps": [
                {"id": name, "stepType": kind} | after
                for (name, kind), after in zip(steps, following, strict=True)
            ],
        }
        identity = {"id": self.id, "version": version}
        outer: dict[str, Any] = {
            "accountId": ACCOUNT_ID,
            "trigger": self.trigger,
            "status": self.status if version == self.version else "disabled",
            "createdAt": stamp(self.created_at + timedelta(days=9 * version)),
        }
        # schema and example in the vendor's OpenAPI file differ (read in November 2026)
        if shape == "top":
            return identity | outer | {"subAccountId": self.sub_account, "definition": inner}
        return outer | {"subaccountId": self.sub_account, "definition": identity | inner}


@dataclass(frozen=True)
class Beat(Stage):
    """A stage of an instance and the step that is open in it."""

    step: str = ""
    step_status: str = "Running"
    ends: str = "Complete"  # what becomes of the step when the next beat begins
    error: str = ""  # recorded when the step ends
    keeps: bool = False  # the open step stays as it is: suspended, or going on after that
    disables: bool = False  # the definition is switched off now


COMPLETE, TERMINATED = Beat("Complete"), Beat("Terminated")

Steps = Sequence[tuple[str, str]]


def walk(steps: Steps, **changes: Any) -> list[Beat]:
    """Every step after the other, as long as its type takes."""
    return [
        replace(
            Beat("Runnable", SECONDS[kind], kind in BLOCKED, name, BLOCKED.get(kind, "Running")),
            **changes,
        )
        for name, kind in steps
    ]


def split(steps: Steps, kinds: Iterable[str]) -> tuple[list[Beat], tuple[str, str], list[Beat]]:
    """The beats before a step of these kinds (never the first one), it, and the beats after it."""
    place = min(at for at, (_, kind) in enumerate(steps) if at and kind in kinds)
    return walk(steps[:place]), steps[place], walk(steps[place + 1 :])


def goes_well(steps: Steps, chance: Random) -> list[Beat]:
    return [*walk(steps), COMPLETE]


def is_long(steps: Steps, chance: Random) -> list[Beat]:
    return [*walk(steps, seconds=45.0), COMPLETE]


def faults(steps: Steps, chance: Random) -> list[Beat]:
    before, (name, kind), _ = split(steps, FAULTS)
    error = chance.choice(FAULTS[kind])
    return [*before, *walk([(name, kind)], ends="Failed", error=error), TERMINATED]


def is_stopped_elsewhere(steps: Steps, chance: Random) -> list[Beat]:
    before, step, _ = split(steps, BLOCKED)
    return [*before, *walk([step], seconds=90.0, ends="Cancelled"), TERMINATED]


def is_suspended_by_fault(steps: Steps, chance: Random) -> list[Beat]:
    before, step, after = split(steps, FAULTS)
    failed = walk([step], ends="Failed", error=chance.choice(FAULTS[step[1]]))
    suspended = Beat("Suspended", RESUMED_AFTER, waits=True)
    return [*before, *failed, suspended, *walk([step]), *after, COMPLETE]


def times_out(steps: Steps, chance: Random) -> list[Beat]:
    before, step, after = split(steps, BLOCKED)
    return [*before, *walk([step], seconds=60.0, ends="Cancelled"), *after, COMPLETE]


def loops(steps: Steps, chance: Random) -> list[Beat]:
    return [*walk(steps), *walk(steps), *walk(steps), COMPLETE]


def loses_definition(steps: Steps, chance: Random) -> list[Beat]:
    first, second, *rest = walk(steps)
    return [replace(first, seconds=20.0), replace(second, disables=True), *rest, COMPLETE]


def has_strange_step(steps: Steps, chance: Random) -> list[Beat]:
    # no documented step status; the engine 8x8 seems to be built on has it
    first, *rest = walk(steps)
    return [replace(first, seconds=120.0, step_status="Compensated"), *rest, COMPLETE]


# scenario -> (its plan, the definitions it happens to, its weight in the demo)
SCENARIOS: dict[str, tuple[Callable[[Steps, Random], list[Beat]], str, int]] = {
    "quick_success": (goes_well, "notice roadside dunning redelivery", 40),
    "waits_for_reply": (goes_well, "reschedule claim alarm", 16),
    "sleeps": (goes_well, "reminder", 9),
    "running_long": (is_long, "survey", 5),
    "faulted": (faults, "notice claim roadside dunning", 8),
    "terminated_elsewhere": (is_stopped_elsewhere, "reschedule claim", 3),
    "suspended_by_fault": (is_suspended_by_fault, "notice dunning", 2),
    "event_timeout": (times_out, "reschedule claim alarm", 9),
    "loop": (loops, "driver", 7),
    "old_version": (goes_well, "reschedule", 2),
    "disabled_definition": (loses_definition, "campaign", 0),
    "unknown_step_status": (has_strange_step, "notice roadside", 1),
}
# what is going on when somebody opens the demo: scenario -> minutes ago
STANDING = {
    "suspended_by_fault": 47, "faulted": 13, "sleeps": 6, "old_version": 5,
    "waits_for_reply": 4, "running_long": 2, "disabled_definition": 1,
}  # fmt: skip


class Instance(Run):
    """One workflow instance with the log of its steps and its errors."""

    def __init__(
        self,
        world: World,
        definition: Definition,
        version: int,
        scenario: str,
        plan: Sequence[Stage],
        payload: Any,
        at: datetime,
    ) -> None:
        self.definition = definition
        self.version = version
        self.payload = payload
        self.steps: list[dict[str, Any]] = []
        self.errors: list[dict[str, Any]] = []
        self.open: tuple[dict[str, Any], Beat] | None = None
        self.next_id = world.new_uuid()
        # begins with the second of its creation, as the published ids do
        ref = f"{int(at.timestamp()):08x}{world.random.getrandbits(64):016x}"
        super().__init__(world, ref, scenario, plan, at=at)

    def entered(self, stage: Stage, at: datetime) -> None:
        beat = cast(Beat, stage)
        if beat.keeps:
            return
        if self.open:
            self._close(at)
        if beat.step:
            step = {"id": self.next_id, "stepName": beat.step, "startedAt": at}
            step |= {"completedAt": None, "status": beat.step_status}
            self.next_id = self.world.new_uuid()
            self.open = step, beat
            self.steps.append(step)
        if beat.disables:
            self.definition.status = "disabled"

    def _close(self, at: datetime) -> None:
        if self.open:
            step, beat = self.open
            step |= {"completedAt": at, "status": beat.ends}
            if beat.error:
                self.errors.append({"step": beat.step, "message": beat.error, "errorTime": at})
            self.open = None

    def suspend(self) -> None:
        self.advance()
        now, *rest = cast(list[Beat], self.plan[self.position :])
        if now.seconds is not None:
            left = max(0.0, now.seconds - self.world.elapsed(self.entered_at))
            now = replace(now, seconds=left)
        held = Beat("Suspended", None, waits=True, keeps=True)
        self.turn(held, replace(now, keeps=True), *rest)

    def terminate(self) -> None:
        self.advance()
        if self.open:
            step, beat = self.open
            self.open = step, replace(beat, ends="Cancelled", error="")
        self.turn(TERMINATED)

    def as_json(self) -> dict[str, Any]:
        status, ended = self.status, self.finished_at
        if status == "Terminated" and not self.world.options.get("terminated_time", True):
            ended = None
        triggered_at = self.created_at - timedelta(milliseconds=187)
        return {
            "workflowId": self.ref,
            "data": {
                "payload": self.payload,
                "accountId": ACCOUNT_ID,
                "subAccountId": self.definition.sub_account,
                "triggeredAt": stamp(triggered_at, digits=7),
            },
            "definitionId": self.definition.id,
            "version": self.version,
            "status": status,
            "startedAt": stamp(self.created_at),
            "completedAt": ended and stamp(ended),
        }

    def logs(self) -> list[dict[str, Any]]:
        """Steps begun so far, and the next one of a long run as Pending."""
        self.advance()
        steps = [{k: stamp(v) if k.endswith("At") else v for k, v in s.items()} for s in self.steps]
        follows = cast(list[Beat], self.plan[self.position + 1 :])
        if self.scenario == "running_long" and follows and follows[0].step:
            pending = {"id": self.next_id, "stepName": follows[0].step, "startedAt": None}
            steps.append(pending | {"completedAt": None, "status": "Pending"})
        if self.world.options.get("open_steps") == "missing":
            steps = [{k: v for k, v in step.items() if v is not None} for step in steps]
        return steps

    def script(self) -> dict[str, Any]:
        told = super().script()
        return told | {"definition": self.definition.id, "steps": self.logs()}


class Automation:
    """One 8x8 account: its definitions, its instances and the endpoints."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.definitions: dict[str, Definition] = {}
        self.by_key: dict[str, Definition] = {}
        for key, (name, trigger, sub_account, version, text) in DEFINITIONS.items():
            steps = [cast(tuple[str, str], tuple(step.split(":"))) for step in text.split()]
            since = world.now() - timedelta(days=world.random.randrange(120, 700))
            made = Definition(world.new_uuid(), name, trigger, sub_account, version, steps, since)
            self.definitions[made.id] = self.by_key[key] = made
        for scenario in SCENARIOS:
            world.scenarios[scenario] = partial(self.begin, scenario)

    def begin(
        self, scenario: str, *, at: datetime | None = None, ago: float = 0.0, varied: bool = False
    ) -> Instance:
        """Start one run of a scenario, `ago` real seconds in the past."""
        plan_of, keys, _ = SCENARIOS[scenario]
        definition = self.by_key[self.world.random.choice(keys.split())]
        if scenario == "disabled_definition":
            definition.status = "enabled"
        version = 1 if scenario == "old_version" else definition.version
        plan = plan_of(definition.steps_of(version), self.world.random)
        if varied:
            plan = [self._vary(beat) for beat in plan]
        at = at or self.world.now() - timedelta(seconds=ago)
        payload = self._payload(definition)
        return self._add(Instance(self.world, definition, version, scenario, plan, payload, at))

    def begin_any(self, at: datetime) -> None:
        weights = [weight for _, _, weight in SCENARIOS.values()]
        self.begin(self.world.random.choices(list(SCENARIOS), weights)[0], at=at, varied=True)

    def _vary(self, beat: Beat) -> Beat:
        if beat.seconds is None or beat.status == "Suspended":
            return beat
        low = 0.05 if beat.waits else 0.6  # customers answer soon or late
        return replace(beat, seconds=beat.seconds * self.world.random.uniform(low, 1.0))

    def _payload(self, definition: Definition) -> dict[str, Any]:
        chance = self.world.random
        number = f"+4930555{chance.randrange(10_000):04d}"
        payload: dict[str, Any] = {"reference": f"P-{chance.randrange(10_000, 99_999)}"}
        if definition.trigger == "http_request":
            return payload | {"phoneNumber": number, "depot": chance.choice("ABCD")}
        user = {"msisdn": number, "name": chance.choice(("A. Meyer", "J. Novak", "L. Rossi"))}
        text = chance.choice(("Where is my parcel?", "Ich bin morgen nicht da", "Hi, new claim"))
        return payload | {"umid": self.world.new_uuid(), "user": user, "content": {"text": text}}

    def _add(self, instance: Instance) -> Instance:
        self.world.add(instance)
        return instance

    # endpoints

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
        for instance in self._instances(definition):
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
            for each in self._instances(definition)
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
        wish = body.get("status") if isinstance(body, dict) else None
        allowed = {"suspend": STATUSES[:1], "resume": STATUSES[1:2], "terminate": STATUSES[:2]}
        if not isinstance(wish, str) or wish not in allowed:
            raise HTTPException(400, "Invalid status. Use one of suspend, resume, terminate.")
        if instance.status not in allowed[wish]:
            if self.world.options.get("wrong_state") == "silent":
                return Response()
            text = f"Cannot {wish} workflow {instance.ref}: its status is {instance.status}."
            raise HTTPException(400, text)
        acts = {"suspend": instance.suspend, "resume": instance.proceed}
        acts.get(wish, instance.terminate)()
        self.world.effect(wish, instance.ref)
        return Response()

    async def start_instance(self, request: Request) -> Response:
        definition = self._definition(request)
        given = request.query_params.get("version", definition.version)
        version = whole(given, "version", at_least=1)
        if version > definition.version:
            raise HTTPException(404, f"Version {version} of {definition.id} not found.")
        instance = self._start(definition, version, await read_json(request))
        path = f"/api/v1/accounts/{ACCOUNT_ID}/definitions/{definition.id}/workflows"
        return Response(status_code=201, headers={"Location": f"{path}/{instance.ref}"})

    async def trigger(self, request: Request) -> Response:
        """Start every definition that listens; the answer names none of the instances."""
        payload, wanted = await read_json(request), request.query_params.get("subAccountId")
        for each in self.definitions.values():
            listens = each.trigger == "http_request" and each.status == "enabled"
            if listens and wanted in (None, each.sub_account):
                self._start(each, each.version, payload)
        return Response()

    def _start(self, definition: Definition, version: int, payload: Any) -> Instance:
        plan = goes_well(definition.steps_of(version), self.world.random)
        now = self.world.now()
        made = Instance(self.world, definition, version, "started", plan, payload, now)
        what = {"ref": made.ref, "definition": definition.id, "version": version}
        self.world.effect("start", what | {"values": payload})
        return self._add(made)

    # what the endpoints look up

    def _window(self, request: Request) -> tuple[int, int]:
        """Limit and item offset; what `offset` counts is not documented clearly."""
        limit = whole(request.query_params.get("limit", 100), "limit", at_least=1, at_most=500)
        offset = whole(request.query_params.get("offset", 0), "offset")
        pages = self.world.options.get("offset_counts") == "pages"
        return limit, offset * limit if pages else offset

    def _definition(self, request: Request) -> Definition:
        wanted = definition_id(request)
        if wanted not in self.definitions:
            raise HTTPException(404, f"Definition {wanted} not found.")
        return self.definitions[wanted]

    def _instances(self, definition: Definition) -> list[Instance]:
        """Newest first."""
        runs = cast(list[Instance], list(self.world.runs.values()))
        mine = [each for each in runs if each.definition is definition]
        return sorted(mine, key=lambda each: (each.created_at, each.ref), reverse=True)

    def _instance(self, request: Request) -> Instance:
        definition, wanted = self._definition(request), request.path_params["workflow"]
        if len(wanted) != WORKFLOW_ID_DIGITS or not set(wanted) <= set("0123456789abcdef"):
            raise HTTPException(400, "Invalid workflow id.")
        instance = cast(Instance | None, self.world.runs.get(wanted))
        if instance is None or instance.definition is not definition:
            raise HTTPException(404, f"Workflow {wanted} not found.")
        return instance


def stamp(at: datetime | None, digits: int = 2) -> str | None:
    """ISO 8601 in UTC; both 2 and 7 fraction digits occur in the seed's examples."""
    if at is None:
        return None
    fraction = f"{at.microsecond:06d}{at.microsecond % 9 + 1}"[:digits]
    return f"{at:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


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


def guarded(handler: Handler) -> Handler:
    """Check the key, then its right to the account."""

    async def checked(request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            raise HTTPException(401, "Invalid API key.")
        if request.path_params["account"] != ACCOUNT_ID:
            raise HTTPException(403, "The API key has no access to this account.")
        return await handler(request)

    return checked


def error(world: World, status: int, text: str) -> Response:
    code, error_id = CODES.get(status, 2000), str(uuid.uuid4())
    body = {"code": code, "message": text, "errorId": error_id}
    return JSONResponse(body | {"timestamp": stamp(world.now())}, status)


def app(world: World) -> Starlette:
    """Build the API; with `world.populate` a morning of messages is under way in it."""
    automation = Automation(world)
    if world.populate:
        for scenario, minutes in STANDING.items():
            automation.begin(scenario, ago=minutes * 60.0)
    Population(world, automation.begin_any)

    one = "/definitions/{definition}"
    run = f"{one}/workflows/{{workflow}}"
    routes: list[tuple[str, str, Handler]] = [
        ("GET", "/definitions", automation.list_definitions),
        ("GET", one, automation.list_versions),
        ("DELETE", one, automation.delete_definition),
        ("GET", f"{one}/workflows", automation.list_instances),
        ("POST", f"{one}/workflows", automation.start_instance),
        ("GET", run, automation.get_instance),
        ("PATCH", run, automation.command),
        ("GET", f"{run}/errors", automation.list_errors),
        ("POST", "/triggers/http_request", automation.trigger),
    ]
    root = "/api/v1/accounts/{account}"
    return simulator(
        world,
        [Route(root + path, guarded(handler), methods=[way]) for way, path, handler in routes],
        key="eightx8",
        error=partial(error, world),
    )
