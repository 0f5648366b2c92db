"""flow8, a self-hosted workflow engine: a *flow* is a definition, a *play* a run, a *layer* a step.

Documentation: https://flow8-docs.pages.dev/developer/flows/execution ("seed" in comments) and the
pages below https://flow8-docs.pages.dev/developer/api/, read November 2026. No release number is
documented. `adapters.flow8.session` reaches it, `adapters.flow8.lists` pages,
`adapters.flow8.definition_memory` remembers flows, `adapters.flow8.reading` says what the words
mean.

Deliberately left out: cancel, suspend, resume and retry. ON_HOLD exists as a state, but no page
names an endpoint for any of them, and a guessed DELETE could erase history.

Beside the flows, `memory` holds "prefix" (where the API answered, if not at the default) and
"polls" (a counter: the lists of open plays and of flows are read every 20th time).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from providers.adapter import Adapter
from providers.adapters.flow8 import reading
from providers.adapters.flow8.definition_memory import Flows, is_about_one_thing
from providers.adapters.flow8.lists import walk, walk_plays
from providers.adapters.flow8.session import MCP_ONLY, OTHER_PREFIX, PREFIX, Session, is_mcp_only
from providers.contract import (
    AuthFailed,
    BadResponse,
    Field,
    NotFound,
    Pace,
    ProviderError,
    Rejected,
    Snapshot,
    Unreachable,
    Unreadable,
    Unsupported,
    Verb,
    Workflow,
)
from providers.websocket import listen

HISTORY_PLAYS = 1000  # when the account is polled for the first time
MOST_ROWS = 20_000  # of any other list
NEWEST = 100  # plays of a flow among which one is looked for
FULL_EVERY = 20  # polls
# A window is given in dates of an unknown time zone, and whether `to` is inclusive is unknown too
# (api/executions, November 2026): begin early, end far ahead.
EARLIER = timedelta(hours=14)
AHEAD = timedelta(days=3650)


class Flow8(Adapter):
    name = "flow8"
    docs = "https://flow8-docs.pages.dev/developer/flows/execution"
    settings = (
        Field(
            key="base_url",
            label="Address",
            kind="url",
            help="Of the installation, with its port: http://flow8.example.com:4454",
        ),
        Field(
            key="path_prefix",
            label="Path prefix",
            required=False,
            default=PREFIX,
            help="Where its API begins; the check also tries /api/v1.",
        ),
        Field(
            key="api_key",
            label="API key",
            required=False,
            secret=True,
            help="With the scope standard. Or leave it empty and sign in with the next two.",
        ),
        Field(key="email", label="Email address", kind="email", required=False, secret=True),
        Field(key="password", label="Password", required=False, secret=True),
    )
    # Nothing is documented about limits (November 2026), and an ended run takes two requests.
    pace = Pace(per_second=10.0)
    notes = {
        Verb.ANSWER: "What a flow does after a decline is up to the flow.",
        Verb.START: "The values are the flow's args.",
    }

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        prefix = self.config.get("path_prefix") or PREFIX
        self._is_default = prefix.strip("/") == PREFIX.strip("/")
        if self._is_default:
            prefix = self.memory.get("prefix") or PREFIX
        self._session = Session(self.http, self.config, prefix)
        self._flows = Flows(self._session, self.memory)

    # --------------------------------------------------------------------------------- reading

    def check(self) -> str:
        try:
            return f"Signed in to flow8 as {self._who()}."
        except (NotFound, BadResponse):
            found = self._who_elsewhere()
            if found is None:
                raise
        prefix = self._session.prefix
        return f"Signed in to flow8 as {found}. Its API answers below {prefix}: set that prefix."

    def snapshots(self, since: datetime | None) -> Iterator[Snapshot | Unreadable]:
        """The date window; every 20th time, and at first, also all open plays by their state:
        those older than the window that we know are read by their ref."""
        polls = self.memory.get("polls") or 0
        self.memory["polls"] = polls + 1
        is_full = since is None or polls % FULL_EVERY == 0
        if is_full:
            self._flows.refresh()
            for item in self._flows.odd:
                yield self.unreadable(item, TypeError("not a flow as documented"))
        window: dict[str, Any] = {}
        if since is not None:
            window = {"from": _day(since - EARLIER), "to": _day(since + AHEAD)}
        row = partial(self._row, set())
        most = HISTORY_PLAYS if since is None else MOST_ROWS
        yield from self.each(walk_plays(self._session, window, since, most), row)
        for state in reading.OPEN_STATES if is_full else ():
            yield from self.each(walk_plays(self._session, {"state": state}, None, MOST_ROWS), row)

    def _row(self, seen: set[str], play: Any) -> Snapshot | None:
        if play["id"] in seen:
            return None
        seen.add(play["id"])
        return reading.read_row(play, self._flows.workflow(play["flowId"]))

    def snapshot(self, ref: str) -> Snapshot:
        """Two GETs, and one for a flow that is not in memory."""
        play = self._session.get("plays", ref).json()
        layers = self._layers(ref)
        flow = self._flows.layers(play["flowId"], reading.waiting_refs(layers or []))
        workflow = self._flows.workflow(play["flowId"])
        return reading.read_play(ref, play, workflow, layers, flow)

    def workflows(self) -> Iterator[Workflow]:
        for ref in self._flows.refresh():
            yield self._flows.workflow(ref)

    # -------------------------------------------------------------------------------- commands

    def answer(self, ref: str, question_ref: str, values: Mapping[str, Any]) -> None:
        """One POST; a second one with the flow's own id of the step, only after the first was
        refused for its `layerId` and so changed nothing (api/executions leaves open which)."""
        if values.get("choice") not in [choice.value for choice in reading.DECISIONS]:
            complaint = {"choice": "Choose to approve or to decline."}
            raise Rejected("Choose to approve or to decline.", fields=complaint)
        layer, _, named = question_ref.partition("/")
        body = {
            "layerId": named or layer,
            "decision": values["choice"],
            "note": str(values.get("note") or ""),
        }
        try:
            self._session.post("plays", ref, "approve", json=body)
        except (NotFound, Rejected) as error:
            if isinstance(error, Rejected) and "VALIDATION_ERROR" not in error.detail:
                raise
            other = self._id_in_flow(ref, layer)
            if other is None or other == body["layerId"]:
                raise
            self._session.post("plays", ref, "approve", json={**body, "layerId": other})

    def start_fields(self, workflow_ref: str) -> tuple[Field, ...]:
        return (Field(key="arguments", label="Arguments", kind="json", required=False, default={}),)

    @staticmethod
    def arguments_of(given: Any) -> Mapping[str, Any]:
        return {"arguments": given}

    def start(self, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        """A key whose play is DONE brings that play back; what it does for a play that still
        runs is undocumented (seed), so a lost answer is settled by `started`."""
        given = arguments["arguments"] if "arguments" in arguments else dict(arguments)
        args = {} if given in (None, "") else given
        if not isinstance(args, Mapping):
            complaint = {"arguments": "This has to be a JSON object."}
            raise Rejected("flow8 takes a JSON object as arguments.", fields=complaint)
        body = {"args": dict(args), "idempotencyKey": key}
        return str(self._session.post("flows", workflow_ref, "run", json=body).json()["playId"])

    def started(self, workflow_ref: str, key: str) -> str | None:
        """Among the flow's newest 100 plays. Plays are not documented to show their key; where
        none does, "not found" would be a guess, and a guess could start a flow twice."""
        plays = list(walk(self._session, "flows", workflow_ref, "plays", most=NEWEST))
        for play in plays:
            args = play.get("args")
            marks = [play.get("idempotencyKey"), *(args.values() if isinstance(args, dict) else ())]
            if key in marks:
                return str(play["id"])
        if plays and not any("idempotencyKey" in play for play in plays):
            raise Unsupported("flow8 does not show which play a start has made; look at its plays.")
        return None

    def hints(self) -> Iterator[str]:
        """Events name no state that a poll could rely on, and some states have no event."""
        url, headers = self._session.live_address()
        for message in listen(self.http, url, headers=headers):
            play = reading.hinted_play(message)
            if play:
                yield play

    # ------------------------------------------------------------------------------ in detail

    def _who(self) -> str:
        try:
            return reading.who(self._session.get("auth", "me").json())
        except AuthFailed as error:
            if not is_mcp_only(str(self.config.get("api_key") or "")):
                raise
            raise AuthFailed(MCP_ONLY, status=error.status, detail=error.detail) from None

    def _who_elsewhere(self) -> str | None:
        """Below the other documented prefix, unless a person chose one. None: not there either."""
        if not self._is_default:
            return None
        other = PREFIX if self._session.prefix == OTHER_PREFIX else OTHER_PREFIX
        self._session.prefix = other
        try:
            found = self._who()
        except (NotFound, BadResponse):
            return None
        self.memory["prefix"] = other
        return found

    def _layers(self, ref: str) -> list[Any] | None:
        """None: not readable now. One play's broken layers must not stop the account."""
        try:
            return list(walk(self._session, "plays", ref, "layers", most=MOST_ROWS))
        except (AuthFailed, BadResponse, NotFound, Rejected, Unreachable) as error:
            if not is_about_one_thing(error):
                raise
            return None

    def _id_in_flow(self, ref: str, layer_id: str) -> str | None:
        """The id of the flow's layer with the same ref as this layer of the play."""
        try:
            play = self._session.get("plays", ref).json()
            layers = {layer["id"]: layer["ref"] for layer in self._layers(ref) or []}
            known = self._flows.layers(play["flowId"]) or {}
        except ProviderError:
            return None  # the refusal of the answer says more
        found = known.get(layers.get(layer_id, ""), {}).get("id")
        return None if found is None else str(found)


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
