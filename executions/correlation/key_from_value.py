"""*Use as key*: a value of a run's input or output becomes a business key of its account.

The page shows what the rule finds in the newest runs before it is saved; it reads stored runs.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from executions.access.permissions import require_may_set_up, visible_executions
from executions.correlation.save_rule import save_rule
from executions.models import CorrelationRule, Execution
from executions.payloads.business_keys import SOURCES, Rule, problem_of
from executions.payloads.text_escaping import plain
from executions.storage import key_backfill
from executions.web.fragments import fragment, no_store, wants_fragment
from executions.web.live_page import show
from executions.web.requester import address, person

TRIED = 200  # runs
AT_ONCE = 20  # of them in memory: their values may be large
SECONDS = 3.0  # of one preview
EXAMPLES = 3
ASKED = ("name", "source", "path", "pattern", "days")


class KeyForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    days = forms.IntegerField(
        label="Search stored runs",
        min_value=0,
        max_value=key_backfill.MOST_DAYS,
        initial=key_backfill.DAYS,
        help_text=f"Days back, at most {key_backfill.MOST_DAYS}; 0: only from now on.",
    )

    class Meta:
        model = CorrelationRule
        fields = ("name", "source", "path", "pattern")
        labels = {"name": "What it is", "source": "Where", "pattern": "Pattern"}

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        same = {each: data.get(each, "") for each in self.Meta.fields}
        if CorrelationRule.objects.filter(account=self.instance.account, **same).exists():
            raise forms.ValidationError("This account has this very key already.")
        return data


@dataclass
class Found:
    """What a rule finds in the newest runs of one workflow."""

    name: str
    runs: int = 0
    hits: int = 0
    keys: set[str] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)


@require_http_methods(["GET", "HEAD", "POST"])
def key_rule(request: HttpRequest, pk: int) -> HttpResponse:
    """The form, begun from `source` and `path` of the address. A POST saves the rule; with
    `preview` it only shows what the rule as typed finds."""
    rows = visible_executions(request.user).select_related("account", "workflow")
    run: Execution = get_object_or_404(rows, pk=pk)
    require_may_set_up(request.user, run.account_id)
    if request.method != "POST":
        given = {
            **_begun(request),
            **{key: request.GET[key] for key in ASKED if key in request.GET},
        }
        return _page(request, run, KeyForm(initial=given), given)
    if "preview" in request.POST and wants_fragment(request):
        context = {"preview": preview(run, request.POST)}
        html = fragment(request, "executions/correlation/_key_preview.html", context)
        return no_store(HttpResponse(html))
    form = KeyForm(request.POST, instance=CorrelationRule(account=run.account))
    is_valid = form.is_valid()
    if "preview" in request.POST:
        return _page(request, run, form, request.POST)
    if not is_valid:
        return _page(request, run, form, request.POST, status=422)
    return _saved(request, run, form)


def _begun(request: HttpRequest) -> dict[str, Any]:
    """The name of a value as the name of its key: `$.order.customerNo`: `customer no`."""
    last = re.findall(r"[^.\[\]'\"$*]+", request.GET.get("path", ""))[-1:]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", last[0] if last else "")
    return {
        "name": re.sub(r"[_\-\s]+", " ", words).strip().lower()[:60],
        "source": "input",
        "days": key_backfill.DAYS,
    }


def _saved(request: HttpRequest, run: Execution, form: KeyForm) -> HttpResponse:
    rule = form.save(commit=False)
    days = form.cleaned_data["days"]
    searched = save_rule(person(request), rule, days, address=address(request))
    words = f"“{rule.name}” is a business key of {run.account.name} now."
    if searched:
        words += f" The runs of the last {days} days are being searched; the progress is below."
    messages.success(request, words)
    return redirect(reverse("executions:account", args=[run.account_id]) + "#account-keys")


def _page(
    request: HttpRequest, run: Execution, form: KeyForm, given: Any, *, status: int = 200
) -> HttpResponse:
    context = {
        "run": run,
        "title": plain(run.label, 120),
        "workflow": plain(run.workflow.name, 80),
        "form": form,
        "preview": preview(run, given),
        "back": reverse("executions:detail", args=[run.pk]) + "?tab=data#data",
    }
    return show(request, "executions/correlation/key_rule.html", context, status=status)


def preview(run: Execution, given: Any) -> dict[str, Any]:
    """What such a rule finds in the newest runs of the account: by workflow how many of how many,
    how many different keys, and what it finds in this run. At most TRIED runs and SECONDS."""
    source, path, pattern = (str(given.get(key, "")) for key in ("source", "path", "pattern"))
    wrong = problem_of(source, path.strip(), pattern.strip())
    if wrong is not None:
        return {"wrong": f"{wrong.field.capitalize()}: {wrong.sentence}"}
    rule = Rule(0, str(given.get("name", "")), source, path.strip(), pattern.strip())
    found: dict[int, Found] = {}
    looked, oldest, until = 0, None, time.monotonic() + SECONDS
    for each in key_backfill.newest_in_turn(run.account, [rule], TRIED, AT_ONCE):
        of = found.setdefault(each.workflow_id, Found(plain(each.workflow.name, 80) or "(no name)"))
        keys = [key.text for key in key_backfill.found_in([rule], each)]
        of.runs += 1
        of.hits += bool(keys)
        of.keys.update(keys)
        of.examples += [plain(key, 60) for key in keys if plain(key, 60) not in of.examples][
            : EXAMPLES - len(of.examples)
        ]
        looked, oldest = looked + 1, each.sort_at
        if time.monotonic() > until:
            break
    different = len({key for of in found.values() for key in of.keys})
    hits = sum(of.hits for of in found.values())
    return {
        "where": f"{SOURCES[source]}{f', {path}' if path else ''}",
        "own": [plain(key.text, 100) for key in key_backfill.found_in([rule], run)],
        "looked": looked,
        "since": oldest,
        "hits": hits,
        "different": different,
        "is_alike": hits > 5 and different == 1,
        "workflows": sorted(found.values(), key=lambda of: (-of.hits, of.name)),
        "problem": plain(rule.problem),
    }
