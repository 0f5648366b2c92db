"""Which definitions and versions of 8x8 are worth a look, kept in the account's memory.

Disabled definitions vanish from the list while their instances run on, and an instance list covers
one version only, so both are remembered under "definition:<id>": name, versions, whether it is
`listed` (active), and per version the last visit: `from` (every run that started earlier had
ended) and `is_open` (it had runs that had not). So one list by start time shows all that is open;
two more, by status, are asked only where an open run is much older than what is asked for.
A superseded version starts nothing by itself; those without open runs are asked in turn ("turn"),
so that an account with hundreds of old versions stays affordable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.adapters.eightx8.reading import oldest_start
from providers.contract import BadResponse, NotFound, Rejected, Workflow, native_key
from providers.http import Endpoint
from providers.times import read_time

PAGE = 100  # rows; 500 is allowed, but rows can be large and an answer is capped
MOST_ROWS = 10_000  # of a list of definitions or versions
QUIET_PER_POLL = 10

LOOK_BACK = timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Visit:
    """One look at the runs of a version: those that started after `start` and, if `asks_open`,
    the open ones by their status. `through` notes what comes by."""

    ref: str
    version: int
    start: datetime | None
    asks_open: bool
    newest: datetime | None = None
    oldest_open: datetime | None = None

    def through(self, runs: Iterable[Any]) -> Iterator[Any]:
        for run in runs:
            moment = oldest_start([run])
            if moment is not None:
                self.newest = max(moment, self.newest or moment)
                if native_key(run.get("status")) not in ("complete", "terminated"):
                    self.oldest_open = min(moment, self.oldest_open or moment)
            yield run


def _visit(ref: str, version: int, since: datetime | None, last: Any) -> Visit:
    moment = read_time(last["from"]) if last else None
    if since is None or moment is None:
        return Visit(ref, version, since, asks_open=True)
    if last["is_open"] and moment < since - LOOK_BACK:
        return Visit(ref, version, since, asks_open=True)
    return Visit(ref, version, min(moment, since), asks_open=False)


def get_rows(api: Endpoint, *path: str, **params: Any) -> list[Any]:
    """A list as 8x8 sends them: a bare array. Anything else is not taken for "nothing there"."""
    reply = api.get(*path, params=params)
    rows = reply.json()
    if not isinstance(rows, list):
        raise BadResponse(f"{reply.where} did not answer with a list.", status=reply.status)
    return rows


def walk(api: Endpoint, *path: str) -> Iterator[Any]:
    """Every row once, page after page, until one is empty or brings nothing new: its length says
    nothing, a server may give less than it is asked for. `offset` may count rows or pages
    (undocumented, November 2026): a second request with offset 1 that begins with a row we have
    says "rows"."""
    seen: set[str] = set()
    offset, size = 0, 0
    while len(seen) < MOST_ROWS:
        rows = get_rows(api, *path, limit=PAGE, offset=offset)
        news = {_key_of(row): row for row in rows if _key_of(row) not in seen}
        yield from news.values()
        if not news:
            return
        if offset == 1 and _key_of(rows[0]) in seen:
            size, offset = len(rows), 0
        seen |= news.keys()
        offset += size or 1


def _key_of(row: Any) -> str:
    return str(read_definition(row)[:2]) if is_readable(row) else repr(row)


def read_definition(item: Mapping[str, Any]) -> tuple[str, int, str]:
    """Id, version, name. The vendor's schema has them at the top, its example one level below:
    https://developer.8x8.com/connect/reference/get-all-definitions"""
    inner = item.get("definition") or {}
    ref = item.get("id") or inner["id"]
    version = item.get("version") or inner["version"]
    return str(ref), int(version), str(inner.get("name") or item.get("name") or ref)


def is_readable(item: Any) -> bool:
    """One definition that is not as documented must not hide the runs of the others."""
    try:
        read_definition(item)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return False
    return True


class Definitions:
    def __init__(self, api: Endpoint, memory: MutableMapping[str, Any]) -> None:
        self.api = api
        self.memory = memory
        self.odd: list[Any] = []
        """Listed rows that are no definition as documented."""

    def listed(self) -> Iterator[Any]:
        """Active ones."""
        for row in walk(self.api, "definitions"):
            if is_readable(row):
                yield row
            else:
                self.odd.append(row)

    def learn(self) -> None:
        """One GET, and one more for each definition with a version that is new to us."""
        listed = {
            ref: (version, name) for ref, version, name in map(read_definition, self.listed())
        }
        for ref, (version, name) in listed.items():
            old = self._known(ref)
            versions = old.get("versions", [])
            if version not in versions:
                found = {read_definition(row)[1] for row in self._versions(ref)}
                versions = sorted(found | {version}, reverse=True)
            visits = old.get("visits", {})
            self._remember(ref, name=name, versions=versions, listed=True, visits=visits)
        for ref in self._refs():
            if ref not in listed:
                self._remember(ref, listed=False)

    def due(self, since: datetime | None) -> list[Visit]:
        """Current versions and those with open runs each time, the quiet ones in turn."""
        due: list[Visit] = []
        quiet: list[Visit] = []
        for ref in self._refs():
            known = self._known(ref)
            for version in known["versions"]:
                last = known["visits"].get(str(version)) if since else None
                visit = _visit(ref, version, since, last)
                is_current = known["listed"] and version == max(known["versions"])
                (quiet if last and not last["is_open"] and not is_current else due).append(visit)
        if len(quiet) > QUIET_PER_POLL:
            turn = (self.memory.get("turn") or 0) % len(quiet)
            self.memory["turn"] = turn + QUIET_PER_POLL
            quiet = [*quiet, *quiet][turn : turn + QUIET_PER_POLL]
        return due + quiet

    def note(self, visit: Visit, since: datetime | None) -> None:
        """After a visit that was carried to its end."""
        known = self._known(visit.ref)
        if visit.version not in known.get("versions", []):
            return
        until = since or visit.newest or EPOCH
        start = min(until, visit.oldest_open or until)
        facts = {"from": start.isoformat(), "is_open": visit.oldest_open is not None}
        self._remember(visit.ref, visits={**known["visits"], str(visit.version): facts})

    def forget(self, ref: str, version: int) -> None:
        """8x8 has deleted it."""
        left = [v for v in self._known(ref)["versions"] if v != version]
        if left:
            self._remember(ref, versions=left)
        else:
            self.memory[f"definition:{ref}"] = None

    def workflow(self, ref: str) -> Workflow:
        """One GET for a definition that was never listed while we looked."""
        if not self._known(ref):
            read = [read_definition(row) for row in self._versions(ref)]
            versions = sorted({version for _, version, _ in read}, reverse=True)
            name = read[0][2] if read else ref
            self._remember(ref, name=name, versions=versions, listed=False, visits={})
        known = self._known(ref)
        return Workflow(ref=ref, name=known["name"], can_start=known["listed"])

    def _versions(self, ref: str) -> list[Any]:
        """Newest first. An unknown id is an empty list with 200, a malformed one a 400
        (articles/59375104074777, November 2026); neither may hide a run we can read."""
        try:
            rows = walk(self.api, "definitions", ref)
            named = [{"id": ref, **row} for row in rows if isinstance(row, dict)]
            return [row for row in named if is_readable(row)]
        except (NotFound, Rejected):
            return []

    def _refs(self) -> list[str]:
        keys = (key for key, value in self.memory.items() if value)
        return sorted(k.removeprefix("definition:") for k in keys if k.startswith("definition:"))

    def _known(self, ref: str) -> dict[str, Any]:
        return dict(self.memory.get(f"definition:{ref}") or {})

    def _remember(self, ref: str, **facts: Any) -> None:
        self.memory[f"definition:{ref}"] = {**self._known(ref), **facts}
