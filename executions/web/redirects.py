"""Where a person goes after a post: back to the page they came from, if it is one of ours."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def is_own_address(request: HttpRequest, target: str) -> bool:
    """Whether it is safe to lead there what a browser sent: a page of this site."""
    return url_has_allowed_host_and_scheme(target, {request.get_host()})


def next_address(request: HttpRequest, otherwise: str) -> str:
    """Back to the page that the form says it was on (`next`), where that is a page of ours."""
    target = request.POST.get("next", "")
    return target if is_own_address(request, target) else otherwise
