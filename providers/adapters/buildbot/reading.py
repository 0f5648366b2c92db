"""Buildbot's words in ours: requests, builds, steps, log lines, force schedulers. Read
`__init__.py` first.

Nothing here asks the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from providers.contract import Field, LogLine, Snapshot, Status, Step, Verb, Workflow
from providers.times import read_time

RESULTS = (
    ("SUCCESS", Status.SUCCEEDED),
    ("WARNINGS", Status.WARNING),
    ("FAILURE", Status.FAILED),
    ("SKIPPED", Status.SKIPPED),
    ("EXCEPTION", Status.FAILED),
    ("RETRY", Status.WAITING),
    ("CANCELLED", Status.CANCELED),
)
TIMED_OUT = "(timed out)"
# Who sets properties that say nothing of what a build was asked for or found out.
ITS_OWN = {"Worker", "Build", "Builder", "Builder Config", "Scheduler", "WorkerForBuilder"}
ABOUT_START = {"owner", "owners", "reason", "scheduler"}
LABELS = ("scheduler", "owner", "branch", "workername")
KINDS: Mapping[str, Literal["text", "integer", "boolean", "choice"]] = {
    "int": "integer",
    "bool": "boolean",
    "list": "choice",
}
OURS = {"username", "reason"}  # fields of a force scheduler that the adapter fills in
_REQUEST = re.compile(r"#/buildrequests/(\d+)$")
# A step logs the whole environment of its worker, passwords and all (seen).
_ENVIRONMENT = re.compile(r"  [A-Za-z_][A-Za-z0-9_]*=")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Around:
    """What other lists than that of the requests say about one: its builds, oldest first, the name
    of its builder, and the refs of the runs that it came of."""

    builder: str = ""
    builds: tuple[Row, ...] = ()
    reason: str = ""
    parent: str = ""
    again: str = ""


def result_of(results: Any) -> tuple[str, Status, str]:
    """Buildbot's word for a number, our status, and a reason."""
    is_known = isinstance(results, int) and not isinstance(results, bool)
    if is_known and 0 <= results < len(RESULTS):
        word, status = RESULTS[results]
        reason = {"EXCEPTION": "exception", "RETRY": "retry"}.get(word, "")
        return word, status, reason
    return str(results), Status.UNKNOWN, "unrecognized"


def read_run(request: Row, around: Around, site: str) -> Snapshot:
    """A build request, with the builds that it has led to."""
    build = around.builds[-1] if around.builds else None
    status, word, reason = read_status(request, build)
    ref = str(request["buildrequestid"])
    place = f"buildrequests/{ref}"
    if build is not None:
        place = f"builders/{request['builderid']}/builds/{build['number']}"
    is_final = status.is_final
    return Snapshot(
        ref=ref,
        workflow=Workflow(ref=str(request["builderid"]), name=around.builder),
        status=status,
        native_status=word,
        status_reason=reason,
        name=f"{around.builder} #{build['number']}" if build is not None else "",
        attempt=len(around.builds),
        message=around.reason,
        created_at=read_time(request["submitted_at"]),
        started_at=read_time(around.builds[0]["started_at"]) if around.builds else None,
        finished_at=read_time(request["complete_at"]) if is_final else None,
        url=f"{site}/#/{place}",
        parent_ref=around.parent,
        retry_of=around.again,
        raw=request,
        offers=read_offers(status, build),
    )


def read_status(request: Row, build: Row | None) -> tuple[Status, str, str]:
    if request["complete"]:
        word, status, reason = result_of(request["results"])
        if status is Status.FAILED and build is not None and TIMED_OUT in build["state_string"]:
            return Status.TIMED_OUT, word, "timeout"
        if status is Status.SKIPPED and build is None:
            reason = "collapsed"  # another request does its work
        return status, word, reason
    if build is None:
        return Status.QUEUED, "claimed" if request["claimed"] else "unclaimed", ""
    if build["complete"]:
        word, status, reason = result_of(build["results"])
        # It goes on as another build, or its request is about to end.
        return (status, word, reason) if status is Status.WAITING else (Status.RUNNING, word, "")
    return Status.RUNNING, "building", ""


def read_offers(status: Status, build: Row | None) -> frozenset[Verb]:
    if not status.is_final:
        return frozenset({Verb.CANCEL})
    if build is None or status in (Status.SUCCEEDED, Status.SKIPPED):
        return frozenset()
    return frozenset({Verb.RETRY})


def whole(run: Snapshot, request: Row, build: Row | None, steps: list[Row], error: str) -> Snapshot:
    """The same run with everything that belongs to it."""
    given = request.get("properties") or {}
    known = {**given, **((build.get("properties") or {}) if build is not None else {})}
    return replace(
        run,
        steps=tuple(read_step(step) for step in steps if not step["hidden"]),
        questions=(),
        outputs=(),
        needs_detail=False,
        labels={name: str(known[name][0]) for name in LABELS if known.get(name, [""])[0]},
        input={name: known[name][0] for name in given if name not in ABOUT_START},
        output={
            name: value for name, (value, source) in known.items()
            if name not in given and source not in ITS_OWN
        } or None,
        error=error,
    )  # fmt: skip


def read_step(step: Row) -> Step:
    state_string = step["state_string"] or ""
    word, status, reason = result_of(step["results"])
    if not step["complete"]:
        begun = step["started_at"] is not None
        word, reason = ("running", "") if begun else ("pending", "")
        status = Status.RUNNING if begun else Status.QUEUED
    elif status is Status.WAITING:
        status = Status.WARNING  # its build was given up for another one
    elif status is Status.FAILED and TIMED_OUT in state_string:
        status, reason = Status.TIMED_OUT, "timeout"
    started = (_REQUEST.search(str(url["url"])) for url in step.get("urls") or ())
    return Step(
        ref=str(step["stepid"]),
        name=step["name"],
        status=status,
        native_status=word,
        status_reason=reason,
        started_at=read_time(step["started_at"]),
        finished_at=read_time(step["complete_at"]),
        error=state_string if status in (Status.FAILED, Status.TIMED_OUT) else "",
        run_ref=next((found[1] for found in started if found), ""),
    )


def has_failed(step: Row) -> bool:
    return bool(step["complete"]) and step["results"] in (2, 4)


# ------------------------------------------------------------------------------------------- logs


def read_lines(content: str, kind: str, step: str = "") -> Iterator[LogLine]:
    """Of a log with several streams (`s`) each line begins with a letter for its own: output,
    errors, or a header of Buildbot itself."""
    for line in content.split("\n")[: -1 if content.endswith("\n") else None]:
        stream, text = (line[:1], line[1:]) if kind == "s" else ("", line)
        if stream == "h" and _ENVIRONMENT.match(text):
            continue
        yield LogLine(text=text, level="debug" if stream == "h" else "", step_ref=step)


def read_error(step: Row, content: str, kind: str) -> str:
    """What a failed step printed last, under its name."""
    printed = [line for line in read_lines(content, kind) if line.level != "debug"]
    lines = [line.text for line in printed if line.text.strip()]
    first = f"{step['name']}: {lines[-1] if lines else step['state_string']}"
    return "\n".join([first, "", *lines]) if len(lines) > 1 else first


# ----------------------------------------------------------------------------------------- starts


def read_fields(fields: list[Row]) -> Iterator[Field]:
    """The parameters of a force scheduler; groups of them are no fields of their own. A builder's
    own parameter goes before one of Buildbot's of the same name."""
    found = {each["fullName"]: each for each in flat(fields) if each["fullName"] not in OURS}
    for name, about in found.items():
        if about.get("hide"):
            continue
        choices = [str(each) for each in about.get("choices") or ()]
        kind = KINDS.get(about["type"], "text")
        default = about.get("default")
        yield Field(
            key=name,
            label=(about.get("label") or name).rstrip(":"),
            help=about.get("tooltip") or "",
            kind="text" if kind == "choice" and (not choices or not about.get("strict")) else kind,
            required=bool(about.get("required")),
            default="" if default is None else default,
            choices=tuple((each, each) for each in choices) if about.get("strict") else (),
        )


def flat(fields: list[Row]) -> Iterator[Row]:
    for each in fields:
        if "fields" in each:
            yield from flat(each["fields"])
        else:
            yield each
