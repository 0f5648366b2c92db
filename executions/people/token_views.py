"""A person's own API tokens: make one, see when each was used, revoke it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from executions.access import api_tokens, step_up
from executions.access.permissions import may_act
from executions.models import ApiToken, TokenScope
from executions.web.live_page import show
from executions.web.post_only_views import posted_from
from executions.web.requester import address, person

LASTS = {
    "30": ("30 days", timedelta(days=30)),
    "90": ("90 days", timedelta(days=90)),
    "365": ("a year", timedelta(days=365)),
    "": ("until it is revoked", None),
}
WORDS = {
    TokenScope.READ: ("Reads", "Reads: sees what you see, and changes nothing"),
    TokenScope.ACT: ("Reads and acts", "Reads and acts: also answers, starts, cancels as you may"),
}


class TokenForm(forms.Form):
    label = forms.CharField(
        label="What it is for",
        max_length=100,
        help_text="Such as the program that uses it: so that you know later which to revoke.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.ChoiceField(label="What it may do", widget=forms.RadioSelect)
    lasts = forms.ChoiceField(
        label="Valid for",
        choices=[(key, words) for key, (words, _) in LASTS.items()],
        initial="90",
        required=False,
    )
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *given: Any, acts: bool, **more: Any) -> None:
        super().__init__(*given, **more)
        scopes = [TokenScope.READ, TokenScope.ACT] if acts else [TokenScope.READ]
        field: Any = self.fields["scope"]
        field.choices = [(scope.value, WORDS[scope][1]) for scope in scopes]
        field.initial = TokenScope.READ.value
        self.fields["key"].initial = uuid.uuid4


@require_http_methods(["GET", "HEAD", "POST"])
@step_up.proved
def tokens(request: HttpRequest) -> HttpResponse:
    """The page of one's own tokens. The answer to a POST alone holds the new secret."""
    user = person(request)
    form = TokenForm(request.POST or None, acts=may_act(user))
    if request.method != "POST" or not form.is_valid():
        return _page(request, form, status=422 if form.is_bound else 200)
    data = form.cleaned_data
    lasts = LASTS[data["lasts"]][1]
    try:
        secret = api_tokens.issue(
            user,
            label=data["label"],
            by=user.get_username(),
            scope=TokenScope(data["scope"]),
            expires_at=timezone.now() + lasts if lasts else None,
            request_key=data["key"],
            address=address(request),
        )
    except api_tokens.NotIssued as why:
        messages.error(request, str(why))
        return redirect("executions:tokens")
    return _page(request, TokenForm(acts=may_act(user)), secret=secret, made=data["label"])


@posted_from(lambda request, pk: reverse("executions:tokens"))
def revocation(request: HttpRequest, pk: int) -> HttpResponse:
    user = person(request)
    token = get_object_or_404(ApiToken, pk=pk, user=user)
    api_tokens.revoke(token, user, address=address(request))
    messages.success(request, f"The token {token} is revoked; programs that use it are refused.")
    return redirect("executions:tokens")


def _page(request: HttpRequest, form: TokenForm, *, status: int = 200, **more: Any) -> HttpResponse:
    rows = ApiToken.objects.filter(user=person(request)).order_by("-created_at", "-pk")
    now = timezone.now()
    context = {
        "form": form,
        "tokens": [
            {
                "id": row.pk,
                "name": row.label or "(no name)",
                "prefix": row.prefix,
                "scope": WORDS[TokenScope(row.scope)][0],
                "made": row.created_at,
                "used": row.last_used_at,
                "expires": row.expires_at,
                "is_over": row.expires_at is not None and row.expires_at <= now,
            }
            for row in rows
        ],
        "most": api_tokens.MOST,
        **more,
    }
    return show(request, "executions/people/tokens.html", context, status=status)
