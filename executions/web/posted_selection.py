"""Which runs the form of a list stands for."""

from __future__ import annotations

from django.http import HttpRequest, QueryDict
from django.utils import timezone

from executions.display.id_params import row_ids
from executions.search.filters import Filters, parse
from executions.web.requester import accounts_of, person, sees_all


def filters_of(request: HttpRequest, query: str) -> Filters:
    """As the page understands it."""
    return parse(
        QueryDict(query.lstrip("?")),
        accounts_of(request),
        now=timezone.now(),
        sees_all=sees_all(request),
        me=person(request).pk,
    )


def ids_of(request: HttpRequest) -> list[int]:
    """Those of the form, without what is no number."""
    return row_ids(",".join(request.POST.getlist("ids")).split(","))
