"""The ways in which the runs of a filter can be found.

What an index can serve in order is read in order (one short scan per account, status or workflow).
What only open runs can be (overdue, waiting for a person, stale) is checked along such a scan:
there are never very many. What no index serves (names, error texts, durations) is looked for in the
newest runs, and the page says how far back it looked; what an index finds beyond that is shown at
once. What each dimension means is in `conditions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from executions.search.conditions import (
    BY_END,
    BY_START,
    FREE,
    HOLDS,
    NOTHING,
    Condition,
    conditions,
    either,
    every,
    patterns,
    says,
)
from executions.search.filters import Filters
from executions.search.overdue import overdue_after
from executions.search.unicode_spellings import both, spellings
from executions.search.unresolved import FLAGS
from executions.sql_sections import statements

_sql = statements(__file__)

MANY = 200  # runs holding one input value that are found at once; of more, only windows tell

Driver = tuple[str, list[Any], str]  # rows of one column v, their parameters, the condition
Asked = Mapping[str, Condition]


@dataclass
class Source:
    """One way to find rows: scans that an index serves in order, what is checked along them, and
    what is left to check in a window."""

    drivers: list[Driver]
    inside: Condition = NOTHING
    residual: Condition = NOTHING


def sources(filters: Filters) -> list[Source]:
    asked = dict(conditions(filters, holds=_held_or_many(filters.text)))
    for key in in_order(filters):
        asked.pop(key, None)
    ids, statuses = filters.account_ids(), filters.statuses()
    if ids is None and filters.is_by_end:  # no index by end but those of accounts and workflows
        ids = list(filters.accounts)
    accounts = [accounts_of(ids)] if ids is not None else []
    by_status: list[Driver] = []
    if statuses is not None:
        by_status = [("unnest(%s::text[])", [statuses], "x.status = {}")]
    if not FLAGS.keys().isdisjoint(filters.flags):
        return [_unresolved_source(filters, asked, ids, accounts)]
    if filters.is_few_only:
        return [_open_source(filters, asked, ids, accounts, by_status)]
    visible = list(filters.accounts) if ids is None else ids
    if filters.keys():  # few
        carried = f"({_sql('carried', most=MANY)})"
        drivers = [(carried, [filters.keys(), visible], "x.id = {}")]
        return [Source(drivers, inside=_left(asked, "account", "key"))]
    if filters.values.get("error"):
        drivers = [
            ("unnest(%s::text[])", [filters.values["error"]], "x.error_key = {}"),
            ("unnest(%s::bigint[])", [visible], "x.account_id = {} AND x.error_key <> ''"),
        ]
        return [Source(drivers, residual=_left(asked, "account", "error"))]
    if filters.workflow_ids():
        chosen = workflows_of(filters.workflow_ids(), ids)
        return [_of_workflows(filters, asked, chosen, by_status, "account", "workflow")]
    if filters.text:
        return _text_sources(filters, asked, visible, accounts, by_status)
    if filters.labels():  # the newest at once, all of them along the list
        labeled = f"({_sql('labeled', most=MANY)})"
        drivers = [(labeled, [filters.labels(), visible], "x.id = {}")]
        newest = Source(drivers, inside=_left(asked, "account", "label"))
        return [newest, Source([*accounts, *by_status], residual=_left(asked, "account", "status"))]
    return [Source([*accounts, *by_status], residual=_left(asked, "account", "status"))]


def in_order(filters: Filters) -> tuple[str, ...]:
    """The dimensions that are a part of the list's order."""
    return BY_END if filters.is_by_end else BY_START


def _left(asked: Asked, *served: str) -> Condition:
    """What the drivers do not serve."""
    return every(*(own for key, own in asked.items() if key not in served))


def accounts_of(ids: list[int]) -> Driver:
    return "unnest(%s::bigint[])", [ids], "x.account_id = {}"


def _of_workflows(
    filters: Filters, asked: Asked, workflows: Driver, by_status: list[Driver], *served: str
) -> Source:
    """No index has the ends of a workflow's runs by status."""
    if filters.is_by_end:
        return Source([workflows], residual=_left(asked, *served))
    return Source([workflows, *by_status], residual=_left(asked, *served, "status"))


def _unresolved_source(
    filters: Filters, asked: Asked, ids: list[int] | None, accounts: list[Driver]
) -> Source:
    """Some of the unresolved runs. Partial indexes have them alone, in order; led by a status the
    planner would rather walk through all that ever failed."""
    if errors := filters.values.get("error"):
        drivers = [("unnest(%s::text[])", [errors], "x.error_key = {}"), *accounts]
        return Source(drivers, inside=_left(asked, "error", "account" if accounts else ""))
    if filters.workflow_ids():
        drivers = [workflows_of(filters.workflow_ids(), ids)]
        return Source(drivers, inside=_left(asked, "account", "workflow"))
    return Source(accounts, inside=_left(asked, "account"))


def _open_source(
    filters: Filters,
    asked: Asked,
    ids: list[int] | None,
    accounts: list[Driver],
    by_status: list[Driver],
) -> Source:
    """Some of the open runs: driven by what is rarest, everything else checked along the scan."""
    if "mine" in filters.flags:
        waiting = f"({_sql('waiting_for_me', free=FREE)})"
        return Source([(waiting, [filters.me], "x.id = {}")], inside=_left(asked, "mine"))
    if filters.workflow_ids():
        drivers = [workflows_of(filters.workflow_ids(), ids), *by_status]
        return Source(drivers, inside=_left(asked, "account", "workflow", "status"))
    if "overdue" in filters.flags:
        of_accounts = "w.account_id = ANY(%s)" if ids is not None else "true"
        measured = f"({_sql('measured', known=overdue_after(), of_accounts=of_accounts)})"
        accounts = [(measured, [ids] if ids is not None else [], "x.workflow_id = {}")]
    return Source([*accounts, *by_status], inside=_left(asked, "account", "status"))


def _text_sources(
    filters: Filters,
    asked: Asked,
    visible: list[int],
    accounts: list[Driver],
    by_status: list[Driver],
) -> list[Source]:
    """By name of the workflow, by exact identifier, by exact input value, among the newest runs."""
    named = (f"({_sql('named')})", [visible, patterns(filters.text)], "x.workflow_id = {}")
    exact: Driver = ("unnest(%s::text[])", [spellings(filters.text)], "x.ref = {}")
    holding: Driver = ("(SELECT execution_id FROM held)", [], "x.id = {}")
    nearby = either(says(filters.text), _held_by_many(filters.text))
    rest = _left(asked, "text", "account", "status")
    return [
        _of_workflows(filters, asked, named, by_status, "text", "account"),
        Source([accounts_of(visible), exact, *by_status], inside=rest),
        Source([holding], inside=_left(asked, "text")),
        Source([*accounts, *by_status], residual=every(nearby, rest)),
    ]


def holding_sql(text: str) -> Condition:
    """The rows of `held`: some runs with the text among their input values."""
    return _sql("holding", holds=HOLDS, most=MANY), both(text)


def _held_or_many(text: str) -> Condition:
    return either(("x.id IN (SELECT execution_id FROM held)", ()), _held_by_many(text))


def _held_by_many(text: str) -> Condition:
    """Which of very many runs the index names first is chance; so those of the window are asked."""
    return f"({_sql('held_by_many', holds=HOLDS, most=MANY)})", both(text)


def workflows_of(chosen: list[int], ids: list[int] | None) -> Driver:
    """The chosen workflows, without those of accounts that are out of sight."""
    if ids is None:
        return "unnest(%s::bigint[])", [chosen], "x.workflow_id = {}"
    return f"({_sql('visible_workflows')})", [chosen, ids], "x.workflow_id = {}"
