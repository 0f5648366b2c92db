"""What is known of flow8's flows (definitions), kept in the account's memory.

A play names its flow by id only, and whether a waiting step wants an approval stands in the flow.
"flow:<id>" holds name, enabled, a stamp of its version, and `layers`: for each step's ref its id,
name, index and whether it needs approval; `is_gone` where flow8 no longer has it. Source: https://flow8-docs.pages.dev/developer/api/flows
and .../developer/flows/building, read November 2026.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, MutableMapping
from typing import Any

from providers.adapters.flow8.lists import walk
from providers.adapters.flow8.session import Session
from providers.contract import AuthFailed, BadResponse, NotFound, Rejected, Unreachable, Workflow

MOST_FLOWS = 10_000
Layers = dict[str, dict[str, Any]]


def is_about_one_thing(error: Exception) -> bool:
    """Whether an error speaks of the thing asked for, not of the connection or the credentials:
    one broken flow or play must not stop the account."""
    if isinstance(error, Unreachable):
        return error.status is not None
    if isinstance(error, AuthFailed):
        return error.status == 403
    return isinstance(error, NotFound | Rejected | BadResponse)


class Flows:
    def __init__(self, session: Session, memory: MutableMapping[str, Any]) -> None:
        self.session = session
        self.memory = memory
        self.odd: list[Any] = []
        """Listed rows that are no flow as documented."""
        self._is_fresh = False

    def refresh(self) -> list[str]:
        """Refs of all flows, after learning them; the layers of one that changed are forgotten."""
        self._is_fresh = True
        flows = list(self._listed())
        for flow in flows:
            old = self._known(flow["id"])
            facts = _facts(flow)
            if old.get("stamp") == facts["stamp"] and "layers" in old:
                facts["layers"] = old["layers"]
            self.memory[f"flow:{flow['id']}"] = facts
        return [flow["id"] for flow in flows]

    def workflow(self, ref: str) -> Workflow:
        """At most one look at the list per adapter, however many flows turn out to be unknown."""
        if "name" not in self._known(ref) and not self._is_fresh:
            self.refresh()
        if "name" not in self._known(ref):  # deleted; its plays stay
            nameless = {"name": ref, "enabled": False}
            self.memory[f"flow:{ref}"] = {**self._known(ref), **nameless}
        known = self._known(ref)
        return Workflow(ref=ref, name=known["name"], can_start=known["enabled"])

    def layers(self, ref: str, needed: Collection[str] = ()) -> Layers | None:
        """A flow's steps by their ref; None if the flow is not readable now. Reads the flow when
        a `needed` step is not among those remembered."""
        known: Layers | None = self._known(ref).get("layers")
        if known is not None and set(needed) <= known.keys():
            return known
        if self._known(ref).get("is_gone"):
            return None
        try:
            flow = self.session.get("flows", ref).json()
        except (AuthFailed, BadResponse, NotFound, Rejected, Unreachable) as error:
            if not is_about_one_thing(error):
                raise
            if isinstance(error, NotFound):  # not asked again before it is listed again
                self.memory[f"flow:{ref}"] = {**self._known(ref), "is_gone": True}
            return None
        layers = {layer["ref"]: _layer(layer) for layer in flow.get("layers") or []}
        self.memory[f"flow:{ref}"] = {**_facts(flow), "layers": layers}
        return layers

    def _listed(self) -> Iterator[Any]:
        for row in walk(self.session, "flows", most=MOST_FLOWS):
            if isinstance(row, dict) and _is_ref(row.get("id")):
                yield row
            else:  # must not hide the plays of the others
                self.odd.append(row)

    def _known(self, ref: str) -> dict[str, Any]:
        return self.memory.get(f"flow:{ref}") or {}


def _is_ref(value: Any) -> bool:
    return bool(value) and isinstance(value, str)


def _facts(flow: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": str(flow.get("name") or flow["id"]),
        "enabled": flow.get("enabled") is not False,
        "stamp": f"{flow.get('version')} {flow.get('updatedAt')}",
    }


def _layer(layer: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": layer.get("id"),
        "name": layer.get("name") or layer["ref"],
        "index": layer.get("index"),
        "approval": layer.get("needsApproval") is True,
    }
