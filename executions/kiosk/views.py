"""The wall for one's own eyes, the same for a screen that nobody signs in at, and the list of the
addresses of such screens."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from executions.access.permissions import (
    may_administer,
    preference_of,
    require_may_administer,
    sees_every_account,
)
from executions.display.formatting import mark, zone
from executions.display.time_zone_choices import zone_named, zone_names
from executions.kiosk import links as wall_links
from executions.kiosk.screen import shown_on_screen
from executions.models.wall_links import MAX_NAME
from executions.web.fragments import no_store
from executions.web.live_page import show
from executions.web.post_only_views import posted_from
from executions.web.requester import address, person, show_accounts

THEMES = ("dark", "light", "system")
GONE = 410
LASTS = (("", "until it is revoked"), ("30", "30 days"), ("365", "a year"))


@require_GET
def wall(request: HttpRequest) -> HttpResponse:
    """What the person may see, as a wall."""
    return _screen(request, "Every account you may see")


@login_not_required
@require_GET
def screen(request: HttpRequest, secret: str) -> HttpResponse:
    """Whoever knows the address sees the wall and nothing else; no session is made."""
    link = wall_links.link_of(secret)
    if link is None or link.ended_at:
        context = {"link": link, "theme": _theme(request)}
        return _private(render(request, "executions/kiosk/ended.html", context, status=GONE))
    show_accounts(request, wall_links.accounts_of(link))
    with timezone.override(ZoneInfo(zone_named(link.zone) or "UTC")):
        whose = f"Accounts of {link.group.name}" if link.group else "Every account"
        return _screen(request, whose, screen=link.name)


def _screen(request: HttpRequest, whose: str, *, screen: str = "") -> HttpResponse:
    """The page; asked with the stamp of what it shows, only what is new: 204 if nothing is."""
    now = timezone.now()
    context = {**shown_on_screen(request, now), "whose": whose, "screen": screen}
    stamp = mark(context["stamped"])
    if request.GET.get("stamp") == stamp:
        return _private(HttpResponse(status=204))
    clock = {"now": now, "zone": zone(now), "zone_name": timezone.get_current_timezone_name()}
    context |= {"stamp": stamp, "theme": _theme(request), **clock}
    part = "executions/kiosk/_screen.html" if "stamp" in request.GET else ""
    return _private(render(request, part or "executions/kiosk/screen.html", context))


def _theme(request: HttpRequest) -> str:
    asked = request.GET.get("theme")
    return asked if asked in THEMES else THEMES[0]


def _private(response: HttpResponse) -> HttpResponse:
    """The address is the key: it is shown to nobody."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return no_store(response)


# --------------------------------------------------------------------------- addresses of screens


class LinkForm(forms.Form):
    name = forms.CharField(
        max_length=MAX_NAME, label="Screen", help_text="Where it hangs, such as Control room."
    )
    group = forms.ModelChoiceField(
        Group.objects.none(),
        label="Shows",
        required=False,
        empty_label="every account",
        help_text="The accounts of a team are those that its members may see.",
    )
    zone = forms.CharField(
        max_length=64,
        label="Time zone",
        help_text="For the clock and every time on the screen.",
        widget=forms.TextInput(
            attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    days = forms.ChoiceField(choices=LASTS, label="Valid", required=False)

    def __init__(self, request: HttpRequest, posted: QueryDict | None = None) -> None:
        super().__init__(posted, initial={"zone": preference_of(request.user).zone})
        user, teams = person(request), self.fields["group"]
        teams.queryset = wall_links.teams_of(user)  # type: ignore[attr-defined]
        if not sees_every_account(user):
            teams.required, teams.empty_label = True, None  # type: ignore[attr-defined]

    def clean_zone(self) -> str:
        found = zone_named(self.cleaned_data["zone"])
        if not found:
            raise forms.ValidationError(
                "There is no such time zone. Choose one of the list, such as Europe/Zurich or UTC."
            )
        return found


@require_http_methods(["GET", "HEAD", "POST"])
def links(request: HttpRequest) -> HttpResponse:
    """The screens, and a form for one more. Its address is shown once: it is not stored."""
    if not may_administer(request.user):
        raise PermissionDenied("Only administrators set up wall screens.")
    form = LinkForm(request, request.POST if request.method == "POST" else None)
    made, status = None, 200
    if form.is_bound and form.is_valid():
        days = form.cleaned_data["days"]
        link, secret = wall_links.make(
            person(request),
            name=form.cleaned_data["name"],
            group=form.cleaned_data["group"],
            zone=form.cleaned_data["zone"],
            expires_at=timezone.now() + timedelta(days=int(days)) if days else None,
            address=address(request),
        )
        path = reverse("executions:wall-screen", args=[secret])
        made, status = (link, request.build_absolute_uri(path)), 201
        form = LinkForm(request)
    elif form.is_bound:
        status = 422
    context = {
        "form": form,
        "made": made,
        "links": wall_links.visible_to(person(request)),
        "zones": zone_names(),
    }
    return show(request, "executions/kiosk/links.html", context, status=status)


@posted_from(lambda request, pk: reverse("executions:wall-links"))
def revocation(request: HttpRequest, pk: int) -> HttpResponse:
    require_may_administer(request.user)
    link = get_object_or_404(wall_links.visible_to(person(request)), pk=pk)
    wall_links.revoke(person(request), link, address=address(request))
    messages.success(request, f"The address of {link.name} is revoked; its screen goes dark.")
    return redirect("executions:wall-links")
