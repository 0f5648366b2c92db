"""Buildbot 4, data API v2.

Written from docs.buildbot.net/current/developer/rest.html and a real Buildbot 4.3 ("seen"),
November 2026.

A workflow is a builder. A run is a build request, since what waits is not a build yet, and a build
that is given up is followed by another one of the same request. A rebuild is a new request.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from providers.adapter import Adapter
from providers.adapters.buildbot.reading import (
    Around,
    has_failed,
    read_error,
    read_fields,
    read_lines,
    read_run,
    whole,
)
from providers.contract import (
    BadResponse,
    Component,
    Field,
    LogChunk,
    LogLine,
    Pace,
    Rejected,
    Snapshot,
    Status,
    Unreadable,
    Unsupported,
    Verb,
    Workflow,
)
from providers.http import (
    Endpoint,
    Http,
    Pass,
    Reply,
    SignedIn,
    by_cursor,
    parse_json,
    plain_explanation,
)
from providers.times import read_time

PAGE = 500  # rows
HISTORY = 1000  # ended requests, when discovery has no start
LINES = 5000  # of logs per call
TAIL = 40  # lines of the log of a failed step
CAP = 24 * 2**20  # bytes of an answer: a list, or a part of a log
MAJOR = 4
WORKS_WITH = "This works with Buildbot 4"
SERVICE = "Buildbot"


class Buildbot(Adapter):
    name = "Buildbot"
    docs = "https://docs.buildbot.net/current/developer/rest.html"
    settings = (
        Field(key="base_url", label="Address", kind="url",
              help="Address of the web interface, for example https://ci.example.com/buildbot."),
        Field(key="username", label="User name", required=False,
              help="Without one, runs can be seen where Buildbot shows them to everybody."),
        Field(key="password", label="Password", required=False, secret=True),
    )  # fmt: skip
    pace = Pace(per_second=8.0, open_every=timedelta(minutes=2))
    repeatable = frozenset({Verb.CANCEL})
    notes = {
        Verb.CANCEL: "Stops the build, or takes the request out of the queue.",
        Verb.RETRY: "Builds the same again as a new build.",
        Verb.START: "Forces a build by the first force scheduler of its builder.",
    }

    def __init__(
        self, settings: Mapping[str, Any], http: Http, memory: MutableMapping[str, Any]
    ) -> None:
        super().__init__(settings, http, memory)
        self.site = str(settings["base_url"]).rstrip("/").removesuffix("/api/v2").rstrip("/")
        self.plain = http.at(self.site, explain=explain, service=SERVICE)
        self.api: Endpoint = http.at(f"{self.site}/api/v2", explain=explain, service=SERVICE)
        user, password = settings.get("username") or "", settings.get("password") or ""
        if user:
            # A session that is over gets what a missing right gets: 403 (seen).
            who, over = (user, password), frozenset({401, 403})
            self.api = SignedIn(self.api, self._sign_in, who, over=over)

    def _sign_in(self, _: Endpoint) -> Pass:
        login = f"{self.config['username']}:{self.config.get('password') or ''}"
        token = b64encode(login.encode()).decode()
        self.http.remember_secret(token)
        headers = {"Authorization": f"Basic {token}"}
        return Pass.cookies(self.plain.get("auth", "login", headers=headers, accept={302}))

    def check(self) -> str:
        versions = dict(self._object(self.plain.get("config"))["versions"])
        version = str(versions["Buildbot"])
        if version.partition(".")[0] != str(MAJOR):
            old = "old" if version < str(MAJOR) else "new"
            raise BadResponse(f"Buildbot {version} is too {old}. {WORKS_WITH}.")
        builders, forced = len(self._rows("builders")), len(self._rows("forceschedulers"))
        user = self.config.get("username")
        who = f"The login of {user} works" if user else "No login was needed"
        return (
            f"{who} at Buildbot {version}. It sees builders: {builders:,}, force schedulers: "
            f"{forced:,}."
        )

    # ---------------------------------------------------------------------------------- reading

    def snapshots(self, since: datetime | None) -> Iterator[Snapshot | Unreadable]:
        names = self._names()
        seen: set[str] = set()
        building: dict[Any, tuple[Any, ...]] = {}
        waiting = self._after("buildrequests", "buildrequestid", complete="false")
        requests = [row for rows in waiting for row in rows]
        for builds in self._after("builds", "buildid", complete="false"):
            for build in builds:
                building[build["buildrequestid"]] = (build,)

        def listed(row: Any) -> Snapshot:
            around = Around(
                names.get(row["builderid"], ""), building.get(row["buildrequestid"], ())
            )
            run = read_run(row, around, self.site)
            seen.add(run.ref)
            # Why it failed, and whether it took too long, stand with its build.
            offers = frozenset[Verb]() if run.status.is_final else run.offers
            return replace(run, offers=offers, needs_detail=run.status is Status.FAILED)

        yield from self.each(requests, listed)
        query = {"complete": "true", "order": "-complete_at"}
        if since is not None:
            query["complete_at__gt"] = str(int(since.timestamp()))
        for rows in self._pages("buildrequests", HISTORY if since is None else None, query):
            yield from self.each([row for row in rows if id_of(row) not in seen], listed)

    def snapshot(self, ref: str) -> Snapshot:
        request = self._row("buildrequests", ref, property="*")
        builds = self._rows("buildrequests", ref, "builds", property="*")
        builds.sort(key=lambda build: build["number"])
        about = self._row("buildsets", str(request["buildsetid"]))
        around = Around(
            builder=self._row("builders", str(request["builderid"]))["name"],
            builds=tuple(builds),
            reason=about["reason"] or "",
            parent=self._request_of(about.get("parent_buildid")),
            again=self._request_of(about.get("rebuilt_buildid")),
        )
        run = read_run(request, around, self.site)
        build = builds[-1] if builds else None
        steps = self._steps(build) if build is not None else []
        error = ""
        if run.status in (Status.FAILED, Status.TIMED_OUT):
            error = self._error(steps) or (build["state_string"] if build is not None else "")
        return whole(run, request, build, steps, error)

    def engine(self) -> Iterator[Component]:
        for master in self._rows("masters"):
            is_active = bool(master["active"])
            yield Component(
                name=f"master {master['name']}",
                is_well=is_active,
                message="" if is_active else "Buildbot says that it is not active.",
                seen_at=read_time(master["last_active"]),
            )
        for worker in self._rows("workers"):
            trouble = ""
            if not worker["connected_to"]:
                trouble = "It is not connected."
            elif worker["paused"]:
                trouble = f"It is paused. {worker.get('pause_reason') or ''}".strip()
            yield Component(name=f"worker {worker['name']}", is_well=not trouble, message=trouble)

    def workflows(self) -> Iterator[Workflow]:
        forced = {
            name for each in self._rows("forceschedulers") if each["enabled"]
            for name in each["builder_names"]
        }  # fmt: skip
        for ref, name in self._names().items():
            yield Workflow(ref=str(ref), name=name, can_start=name in forced)

    def log(self, ref: str, cursor: str) -> LogChunk:
        """Step by step, build by build. The cursor names the step that is read, the log of it and
        the line: `step/log/line`."""
        request = self._row("buildrequests", ref)
        builds = self._rows("buildrequests", ref, "builds")
        builds.sort(key=lambda build: build["number"])
        at, log_at, line_at = (int(part) for part in cursor.split("/")) if cursor else (0, 0, 0)
        lines: list[LogLine] = []
        for step in (step for build in builds for step in self._steps(build)):
            if step["stepid"] < at:
                continue
            if step["stepid"] > at:
                at, log_at, line_at = step["stepid"], 0, 0
            for log in sorted(self._logs(step), key=lambda log: log["logid"]):
                if log["logid"] < log_at:
                    continue
                if log["logid"] > log_at:
                    log_at, line_at = log["logid"], 0
                room = LINES - len(lines)
                if room <= 0:
                    return LogChunk(lines=tuple(lines), next_cursor=f"{at}/{log_at}/{line_at}")
                count = min(int(log["num_lines"]) - line_at, room)
                if count > 0:
                    content = self._content(log, line_at, count)
                    lines += read_lines(content, log["type"], str(at))
                    line_at += count
                if line_at < int(log["num_lines"]):
                    return LogChunk(lines=tuple(lines), next_cursor=f"{at}/{log_at}/{line_at}")
            if not step["complete"]:
                break
        is_complete = bool(request["complete"])
        return LogChunk(
            lines=tuple(lines), next_cursor=f"{at}/{log_at}/{line_at}", is_complete=is_complete
        )

    # --------------------------------------------------------------------------------- commands

    def cancel(self, ref: str) -> None:
        """Reads first: Buildbot says yes to stopping what has ended (seen)."""
        request = self._row("buildrequests", ref)
        if request["complete"]:
            raise Rejected("It has already ended.")
        builds = self._rows("buildrequests", ref, "builds")
        going = [build for build in builds if not build["complete"]]
        reason = "Canceled by Annunciator"
        if going:
            self._control("builds", str(going[-1]["buildid"]), "stop", reason=reason)
        else:
            self._control("buildrequests", ref, "cancel", reason=reason)

    def retry(self, ref: str, key: str) -> str:
        request = self._row("buildrequests", ref)
        if not request["complete"]:
            raise Rejected("It has not ended.")
        builds = self._rows("buildrequests", ref, "builds")
        if not builds:
            raise Rejected("It never was built, so there is nothing to build again.")
        last = max(builds, key=lambda build: build["number"])
        return first_request(self._control("builds", str(last["buildid"]), "rebuild"))

    def start_fields(self, workflow_ref: str) -> tuple[Field, ...]:
        return tuple(read_fields(self._scheduler(workflow_ref)["all_fields"]))

    def start(self, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        scheduler = self._scheduler(workflow_ref)["name"]
        given = {name: value for name, value in arguments.items() if value is not None}
        about = {"builderid": int(workflow_ref), "reason": reason_of(key)}
        if user := self.config.get("username"):
            about["username"] = user
        made = self._control("forceschedulers", scheduler, "force", **{**given, **about})
        return first_request(made)

    def started(self, workflow_ref: str, key: str) -> str | None:
        sets = self._rows("buildsets", reason__contains=key, order="-bsid", limit=10)
        for each in sets:
            if reason_of(key) in str(each["reason"]):
                found = self._rows("buildrequests", buildsetid=each["bsid"])
                return next((id_of(row) for row in found), None)
        return None

    # ------------------------------------------------------------------------- lists and objects

    def _names(self) -> dict[int, str]:
        return {row["builderid"]: str(row["name"]) for row in self._rows("builders")}

    def _scheduler(self, workflow_ref: str) -> Mapping[str, Any]:
        name = self._row("builders", workflow_ref)["name"]
        for each in self._rows("forceschedulers"):
            if each["enabled"] and name in each["builder_names"]:
                return dict(each)
        raise Unsupported(f"No force scheduler of Buildbot starts {name}.")

    def _request_of(self, build: Any) -> str:
        """The ref of the run that this build belongs to."""
        if build is None:
            return ""
        found = self._rows("builds", str(build))
        return str(found[0]["buildrequestid"]) if found else ""

    def _steps(self, build: Mapping[str, Any]) -> list[Any]:
        return self._rows("builds", str(build["buildid"]), "steps")

    def _logs(self, step: Mapping[str, Any]) -> list[Any]:
        """Those that are text: one of an exception comes as a web page as well."""
        logs = self._rows("steps", str(step["stepid"]), "logs")
        return [log for log in logs if log["type"] != "h"]

    def _content(self, log: Mapping[str, Any], first: int, count: int) -> str:
        params = {"offset": first, "limit": count}
        rows = self._rows("logs", str(log["logid"]), "contents", **params)
        return "".join(str(row["content"]) for row in rows)

    def _error(self, steps: list[Any]) -> str:
        """By the log of the step that failed first."""
        failed = next(filter(has_failed, steps), None)
        if failed is None:
            return ""
        logs = self._logs(failed)
        if not logs:
            return f"{failed['name']}: {failed['state_string']}"
        first = max(int(logs[-1]["num_lines"]) - TAIL, 0)
        return read_error(failed, self._content(logs[-1], first, TAIL), logs[-1]["type"])

    def _after(self, kind: str, key: str, **query: str) -> Iterator[list[Any]]:
        """By their ids, so that what ends meanwhile moves nothing."""

        def ask(last: Any) -> tuple[list[Any], Any]:
            params = {**query, "order": key, "limit": PAGE, f"{key}__gt": last}
            rows = self._rows(kind, **params)
            return rows, rows[-1][key] if len(rows) >= PAGE else None

        return by_cursor(ask, start=0, key=id_of, most=None)

    def _pages(self, kind: str, most: int | None, query: Mapping[str, str]) -> Iterator[list[Any]]:
        def ask(offset: int) -> tuple[list[Any], int | None]:
            rows = self._rows(kind, **query, limit=PAGE, offset=offset)
            return rows, offset + len(rows) if len(rows) >= PAGE else None

        return by_cursor(ask, start=0, key=id_of, most=most)

    def _row(self, kind: str, ref: str, **params: Any) -> Mapping[str, Any]:
        row = self._rows(kind, ref, **params)[0]
        if not isinstance(row, dict):
            raise BadResponse(f"Buildbot sent no {kind}.")
        return row

    def _rows(self, *path: str, **params: Any) -> list[Any]:
        reply = self.api.get(*path, params=params, cap=CAP)
        body = self._object(reply)
        kinds = [name for name, value in body.items() if name != "meta" and isinstance(value, list)]
        if not kinds:
            raise BadResponse(f"{reply.where} answered without a list.")
        return list(body[kinds[0]])

    def _control(self, kind: str, ref: str, method: str, **params: Any) -> Any:
        if not self.config.get("username"):
            raise Rejected(
                "Buildbot takes commands of signed-in people alone: the account has no user name."
            )
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return self._object(self.api.post(kind, ref, json=call))["result"]

    @staticmethod
    def _object(reply: Reply) -> dict[str, Any]:
        body = reply.json()
        if not isinstance(body, dict):
            raise BadResponse(f"{reply.where} answered with no object.")
        return body


def id_of(row: Any) -> str:
    if not isinstance(row, dict):
        return str(row)
    return str(row.get("buildrequestid") if "buildsetid" in row else row.get("buildid", row))


def reason_of(key: str) -> str:
    """A start whose answer was lost is found by it."""
    return f"Started by Annunciator ({key})"


def first_request(made: Any) -> str:
    """Of `[buildset, {builder: request}]`."""
    return str(next(iter(made[1].values())))


def explain(reply: Reply) -> str:
    """What is wrong with a command is reported as JSON-RPC, by field where it is about one."""
    if reply.status == 404 and reply.content_type == "text/html":
        return f"There is no data API of Buildbot at this address. {WORKS_WITH}."
    try:
        error = parse_json(reply.content).get("error")
    except (ValueError, RecursionError, AttributeError):
        return plain_explanation(reply)
    message = error.get("message") if isinstance(error, dict) else error
    if isinstance(message, dict):
        return "; ".join(f"{name}: {complaint}" for name, complaint in message.items())
    return str(message) if message else plain_explanation(reply)
