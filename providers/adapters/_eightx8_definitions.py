"""Which definitions and versions of 8x8 are worth a look, kept in the account's memory.

Disabled definitions vanish from the list while their instances run on, and an instance list covers
one version only, so both are remembered under "definition:<id>": name, versions, whether it is
`listed` (active) and `quiet`: versions that had nothing when last visited, with that visit's date.
A superseded version starts nothing by itself; quiet ones are asked in turn ("turn"), so that an
account with hundreds of old versions stays affordable.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from datetime import datetime
from typing import Any

from providers.adapters._eightx8_reading import read_definition, read_time
from providers.contract import BadResponse, NotFound, Rejected, Workflow
from providers.http import Endpoint

PAGE = 100  # rows; 500 is allowed, but rows can be large and an answer is capped
QUIET_PER_POLL = 10

Visit = tuple[str, int, datetime | None]  # definition, version, from when


def get_rows(api: Endpoint, *path: str, **params: Any) -> list[Any]:
    """A list as 8x8 sends them: a bare array. Anything else is not taken for "nothing there"."""
    reply = api.get(*path, params=params)
    rows = reply.json()
    if not isinstance(rows, list):
        raise BadResponse(f"{reply.where} did not answer with a list.", status=reply.status)
    return rows


class Definitions:
    def __init__(self, api: Endpoint, memory: MutableMapping[str, Any]) -> None:
        self.api = api
        self.memory = memory

    def listed(self) -> Iterator[Any]:
        """Active ones. `offset` may count rows or pages (undocumented, November 2026): a second
        request with offset 1 that begins with a definition we have says "rows"."""
        seen: set[str] = set()
        offset, step = 0, 1
        while True:
            rows = get_rows(self.api, "definitions", limit=PAGE, offset=offset)
            refs = [read_definition(row)[0] for row in rows]
            yield from (row for row, ref in zip(rows, refs, strict=True) if ref not in seen)
            if len(rows) < PAGE or seen.issuperset(refs):
                return
            if offset == 1 and refs[0] in seen:
                offset, step = 0, PAGE
            seen.update(refs)
            offset += step

    def learn(self) -> None:
        """One GET, and one more for each definition with a version that is new to us."""
        listed = {
            ref: (version, name) for ref, version, name in map(read_definition, self.listed())
        }
        for ref, (version, name) in listed.items():
            old = self._known(ref)
            versions = old.get("versions", [])
            if version not in versions:
                found = {read_definition({"id": ref, **row})[1] for row in self._versions(ref)}
                versions = sorted(found | {version}, reverse=True)
            quiet = {v: at for v, at in old.get("quiet", {}).items() if int(v) != max(versions)}
            self._remember(ref, name=name, versions=versions, listed=True, quiet=quiet)
        for ref in self._refs():
            if ref not in listed:
                self._remember(ref, listed=False)

    def due(self, since: datetime | None) -> list[Visit]:
        """Current versions and those with runs each time; quiet ones in turn, each from the date
        of its last visit on."""
        due: list[Visit] = []
        quiet: list[Visit] = []
        for ref in self._refs():
            known = self._known(ref)
            for version in known["versions"]:
                visited = read_time(known["quiet"].get(str(version)))
                if since is None or visited is None:
                    due.append((ref, version, since))
                else:
                    quiet.append((ref, version, min(visited, since)))
        if len(quiet) > QUIET_PER_POLL:
            turn = (self.memory.get("turn") or 0) % len(quiet)
            self.memory["turn"] = turn + QUIET_PER_POLL
            quiet = [*quiet, *quiet][turn : turn + QUIET_PER_POLL]
        return due + quiet

    def note_visit(self, visit: Visit, since: datetime | None, *, found: bool) -> None:
        ref, version, _ = visit
        known = self._known(ref)
        if since is None or version not in known.get("versions", []):
            return
        is_current = known["listed"] and version == max(known["versions"])
        quiet = {v: at for v, at in known["quiet"].items() if v != str(version)}
        if not found and not is_current:
            quiet[str(version)] = since.isoformat()
        self._remember(ref, quiet=quiet)

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
            rows = self._versions(ref)
            read = [read_definition({"id": ref, **row}) for row in rows]
            versions = sorted({version for _, version, _ in read}, reverse=True)
            name = read[0][2] if read else ref
            self._remember(ref, name=name, versions=versions, listed=False, quiet={})
        known = self._known(ref)
        return Workflow(ref=ref, name=known["name"], can_start=known["listed"])

    def _versions(self, ref: str) -> list[Any]:
        """The newest 100, newest first. An unknown id is an empty list with 200, a malformed one
        a 400 (articles/59375104074777, November 2026); neither may hide a run we can read."""
        try:
            return get_rows(self.api, "definitions", ref, limit=PAGE, offset=0)
        except (NotFound, Rejected):
            return []

    def _refs(self) -> list[str]:
        keys = (key for key, value in self.memory.items() if value)
        return sorted(k.removeprefix("definition:") for k in keys if k.startswith("definition:"))

    def _known(self, ref: str) -> dict[str, Any]:
        return dict(self.memory.get(f"definition:{ref}") or {})

    def _remember(self, ref: str, **facts: Any) -> None:
        self.memory[f"definition:{ref}"] = {**self._known(ref), **facts}
