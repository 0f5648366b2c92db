"""Every address there is, and the one of a thing of the world."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from tests.executions.access import matrix


def routes(patterns: Any = None, prefix: str = "") -> Iterator[str]:
    """Every address there is, as the resolver has it."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            assert isinstance(pattern, URLPattern)
            yield route


def address(route: str, things: dict[str, Any]) -> str:
    thing = things.get(matrix.TABLE[route][0])
    parts = {
        "step_pk": things["step"].pk, "output_pk": things["output"].pk, "part": "input",
        "value": "A-1", "rest": "nowhere", "content_type_id": "1",
    }  # fmt: skip

    def filled(match: re.Match[str]) -> str:
        name = match[1].split(":")[-1]
        return str(parts.get(name, getattr(thing, "pk", thing) or 1))

    plain = re.sub(r"\^\(\?P<app_label>[^)]*\)/\$", "executions/", route)
    plain = plain.replace("(?P<url>.*)$", "nowhere")
    return "/" + re.sub(r"<([^>]+)>", filled, plain)
