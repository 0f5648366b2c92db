"""A person's own switches: time zone, times, density, shortcuts and theme."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from executions.access.permissions import preference_of
from executions.display.time_zone_choices import zone_named, zone_names
from executions.models import Preference
from executions.web.first_visit import browser_zone
from executions.web.layout import THEMES
from executions.web.live_page import show
from executions.web.redirects import next_address
from executions.web.requester import person

YEAR = 365 * 24 * 3600
TIMES = (
    (True, "Relative: 4 min ago; the clock when you point at it"),
    (False, "The clock: Nov 22 12:03:05"),
)
DENSITIES = ((False, "Comfortable"), (True, "Compact: more rows on a screen"))


def _is_true(value: Any) -> bool:
    return str(value) == "True"


class PreferenceForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    zone = forms.CharField(
        max_length=64,
        label="Time zone",
        help_text="Every time on every page is in this zone.",
        widget=forms.TextInput(
            attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    is_relative = forms.TypedChoiceField(
        label="Times", choices=TIMES, coerce=_is_true, widget=forms.RadioSelect
    )
    is_compact = forms.TypedChoiceField(
        label="Density", choices=DENSITIES, coerce=_is_true, widget=forms.RadioSelect
    )
    has_shortcuts = forms.BooleanField(label="Keyboard shortcuts", required=False)

    sends_at_once = forms.BooleanField(label="Send my answers at once", required=False)

    class Meta:
        model = Preference
        fields = ("zone", "is_relative", "is_compact", "has_shortcuts", "sends_at_once")

    def clean_zone(self) -> str:
        typed = self.cleaned_data["zone"]
        found = zone_named(typed)
        if not found:
            raise forms.ValidationError(
                "There is no such time zone. Choose one of the list, such as Europe/Zurich or UTC."
            )
        return found


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """The page of a person's preferences; the theme's buttons post here from every page."""
    if "theme" in request.POST:
        return _choose_theme(request)
    kept = preference_of(request.user)
    kept.user = person(request)
    form = PreferenceForm(request.POST or None, instance=kept)
    if request.method == "POST" and form.is_valid():
        chosen = {name: form.cleaned_data[name] for name in PreferenceForm.Meta.fields}
        chosen["has_chosen_zone"] = True
        Preference.objects.update_or_create(user=person(request), defaults=chosen)
        messages.success(request, "Your preferences are saved.")
        return redirect("executions:preferences")
    status = 422 if form.is_bound and form.errors else 200
    undo = int(settings.ANNUNCIATOR_UNDO.total_seconds())
    context = {"form": form, "undo_seconds": undo, "zones": zone_names(), "now": timezone.now(),
               "browser_zone": browser_zone(request)}  # fmt: skip
    return show(request, "executions/web/preferences.html", context, status=status)


def _choose_theme(request: HttpRequest) -> HttpResponse:
    """Kept in a cookie: it belongs to a screen, not to a person."""
    response = HttpResponseRedirect(next_address(request, reverse("executions:list")))
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        response.set_cookie(
            "theme", theme, max_age=YEAR, httponly=True, samesite="Lax", secure=request.is_secure()
        )
    return response
