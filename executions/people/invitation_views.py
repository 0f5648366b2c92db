"""The page where people are invited: who is, what became of it, and a form for one more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import Group
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from executions.access import step_up
from executions.access.admin import ROLES, TEAMS_HELP
from executions.access.permissions import VIEWER
from executions.models import Invitation
from executions.people import invitations
from executions.web.live_page import show
from executions.web.post_only_views import posted_from
from executions.web.requester import address, person

LASTS = (("1", "a day"), ("7", "a week"), ("30", "30 days"))
SHOWN = 100  # on the page, the newest first


class InvitationForm(forms.Form):
    username = forms.CharField(
        label="User name",
        max_length=150,
        help_text="By which the person signs in. Letters, digits and @ . + - _",
        validators=[UnicodeUsernameValidator()],
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    email = forms.EmailField(
        label="E-mail address",
        required=False,
        help_text="Optional; nothing is sent to it.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(
        label="What this person may do", choices=ROLES, initial=VIEWER, widget=forms.RadioSelect
    )
    teams = forms.ModelMultipleChoiceField(
        Group.objects.none(),
        label="Teams",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=TEAMS_HELP,
    )
    lasts = forms.ChoiceField(label="The link works for", choices=LASTS, initial="7")

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        teams: Any = self.fields["teams"]
        teams.queryset = invitations.teams_to_give()


@require_http_methods(["GET", "HEAD", "POST"])
def invitation_list(request: HttpRequest) -> HttpResponseBase:
    """The answer to a POST alone holds the new link."""
    invitations.require_may_invite(request.user)
    return _list(request)


@step_up.proved
def _list(request: HttpRequest) -> HttpResponse:
    form = InvitationForm(request.POST or None)
    if request.method != "POST" or not form.is_valid() or not settings.LOCAL_SIGN_IN:
        return _page(request, form, status=422 if request.method == "POST" else 200)
    data = form.cleaned_data
    try:
        made, secret = invitations.make(
            person(request),
            username=data["username"],
            email=data["email"],
            role=data["role"],
            teams=data["teams"],
            expires_at=timezone.now() + timedelta(days=int(data["lasts"])),
            address=address(request),
        )
    except invitations.NotInvited as why:
        form.add_error("username", str(why))
        return _page(request, form, status=422)
    link = request.build_absolute_uri(reverse("invitation", args=[secret]))
    return _page(request, InvitationForm(), status=201, made=made, link=link)


@posted_from(lambda request, pk: reverse("executions:invitations"))
def revocation(request: HttpRequest, pk: int) -> HttpResponse:
    invitations.require_may_invite(request.user)
    found = get_object_or_404(Invitation, pk=pk)
    if invitations.revoke(person(request), found, address=address(request)):
        messages.success(request, f"The invitation of {found} is revoked; its link opens nothing.")
    return redirect("executions:invitations")


def _page(request: HttpRequest, form: InvitationForm, *, status: int, **more: Any) -> HttpResponse:
    rows = Invitation.objects.select_related("made_by").prefetch_related("teams")[:SHOWN]
    roles = dict(ROLES)
    context = {
        "form": form,
        "takes_passwords": settings.LOCAL_SIGN_IN,
        "invitations": [
            {
                "id": row.pk,
                "name": row.username,
                "email": row.email,
                "role": roles.get(row.role, row.role).partition(":")[0],
                "teams": ", ".join(team.name for team in row.teams.all()),
                "made": row.made_at,
                "by": row.made_by,
                "state": invitations.state_of(row),
                "at": row.ended_at or row.expires_at,
                "is_open": row.ended_at is None,
            }
            for row in rows
        ],
        **more,
    }
    return show(request, "executions/people/invitations.html", context, status=status)
