"""The audit log for administrators: what was done to accounts in their sight, and by them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions.access import audit_log
from executions.access.permissions import require_may_administer
from executions.audit import entries, incremental_verification
from executions.audit.entries import AuditFilter
from executions.display import csv_lines
from executions.display.formatting import iso, stamped
from executions.display.id_params import row_id
from executions.display.local_time_input import read_moment
from executions.models import AuditEntry
from executions.payloads.text_escaping import plain
from executions.search import statement_timeout
from executions.search.cursor import Cursor, Order
from executions.search.time_range import stamp, typed
from executions.web.download_limits import download
from executions.web.live_page import show
from executions.web.requester import accounts_of, address, person
from providers import exact_json

PAGE = 50
KNOWN = {"by", "act", "account", "run", "from", "to", "after"}
IS_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d[^ ]*(Z|[+-]\d\d:\d\d)$")
HEAD = ("id", "at", "person", "act", "account", "target", "detail", "command", "address")


@require_GET
def audit(request: HttpRequest) -> HttpResponse:
    require_may_administer(request.user)
    asked, ignored = _asked(request)
    place = Cursor.parse(request.GET.get("after", ""), Order.START)
    if request.GET.get("after") and place is None:
        ignored.append("The page was not understood.")
    problem, has_more = "", False
    rows: list[AuditEntry] = []
    try:
        rows, has_more = entries.page(person(request), asked, place, PAGE)
    except statement_timeout.TooLong as error:
        problem = f"{error} Narrow it to a person, an account or a shorter time."
    following = str(Cursor(rows[-1].at, rows[-1].pk)) if has_more and rows else ""
    query = _query(asked)
    context = {
        "rows": [_view(each) for each in rows],
        "asked": asked,
        "since": typed(asked.since),
        "until": typed(asked.until),
        "acts": sorted(audit_log.Action, key=lambda action: action.words),
        "accounts": sorted(each.name for each in accounts_of(request).values()),
        "ignored": ignored,
        "problem": problem,
        "is_narrowed": bool(query),
        "first": f"?{query}" if place else "",
        "following": f"?{_joined(query, after=following)}" if following else "",
        "export": f"?{query}" if query else "",
        "state": incremental_verification.state(),
    }
    return show(request, "executions/audit/audit.html", context)


@require_GET
@download
def export(request: HttpRequest) -> HttpResponseBase:
    """CSV of everything that the filter of this address finds, page after page."""
    require_may_administer(request.user)
    asked, _ = _asked(request)
    audit_log.record(
        person(request),
        audit_log.Action.AUDIT_EXPORTED,
        target=_query(asked)[:300] or "all that is in sight",
        address=address(request),
    )
    response = StreamingHttpResponse(_lines(request, asked), content_type=csv_lines.CONTENT_TYPE)
    name = f"audit-{timezone.now():%Y%m%dT%H%MZ}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Accel-Buffering"] = "no"
    return response


def _lines(request: HttpRequest, asked: AuditFilter) -> Iterator[str]:
    yield csv_lines.head(HEAD)
    for rows in entries.walk(person(request), asked):
        yield "".join(
            csv_lines.line(
                (
                    each.pk, iso(each.at), each.actor, each.action, each.account_name, each.target,
                    exact_json.written(each.detail) if each.detail else "",
                    str(each.command_key or ""), each.address or "",
                )
            )
            for each in rows
        )  # fmt: skip


def _asked(request: HttpRequest) -> tuple[AuditFilter, list[str]]:
    """The filter of the address, and what of it was not understood, as sentences."""
    given = {
        key: " ".join(value.replace("\0", " ").split()) for key, value in request.GET.dict().items()
    }
    ignored = [f"“{key[:40]}” is not a filter of this list." for key in given.keys() - KNOWN]
    action = given.get("act", "")
    if action and action not in set(audit_log.Action):
        ignored.append(f"There is no action “{action[:40]}”.")
        action = ""
    run = row_id(given["run"]) if given.get("run") else None
    if given.get("run") and run is None:
        ignored.append("Write the number of a run, as its address has it.")
    ends = []
    for name in ("from", "to"):
        moment, remark = read_moment(given[name]) if given.get(name) else (None, "")
        ends.append(moment)
        ignored += [remark] if remark else []
    asked = AuditFilter(
        given.get("by", "")[:150], action, given.get("account", "")[:100], run, *ends
    )
    return asked, ignored


def _query(asked: AuditFilter) -> str:
    words = {
        "by": asked.actor, "act": asked.action, "account": asked.account, "run": asked.run,
        "from": stamp(asked.since), "to": stamp(asked.until),
    }  # fmt: skip
    return urlencode({key: value for key, value in words.items() if value})


def _joined(query: str, **more: str) -> str:
    return "&".join(part for part in (query, urlencode(more)) if part)


def _view(entry: AuditEntry) -> dict[str, Any]:
    kind, _, number = entry.target.partition(":")
    detail = entry.detail if isinstance(entry.detail, dict) else {"detail": entry.detail}
    return {
        "id": entry.pk,
        "at": entry.at,
        "actor": entry.actor,
        "action": audit_log.words_of(entry.action),
        "account": entry.account_name,
        "target": plain(entry.target, 300),
        "run": row_id(number) if kind == "run" else None,
        "detail": [
            (plain(str(key).replace("_", " "), 60), plain(_value_text(value), 400))
            for key, value in detail.items()
        ],
        "address": entry.address,
    }


def _value_text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "; ".join(value)
    if not isinstance(value, str):
        return exact_json.written(value)
    moment = read_moment(value)[0] if IS_MOMENT.match(value) else None
    return stamped(moment) or value
