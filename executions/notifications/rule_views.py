"""Making a rule in the product: what it would do is shown before it is saved, and a test message is
sent before there is a rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from executions.access.permissions import (
    require_may_set_up,
    teams_of,
    visible_accounts,
    visible_executions,
)
from executions.display.id_params import row_id
from executions.models import Event, NoticeRule, Workflow
from executions.notifications import (
    apprise_sending,
    browsers,
    message_text,
    rule_backtest,
    rule_form,
    service_addresses,
    service_picker,
    team_rules,
)
from executions.notifications.team_rules import Subject, TeamRuleForm
from executions.search import statement_timeout
from executions.web.fragments import fragment, no_store, wants_fragment
from executions.web.live_page import show
from executions.web.post_only_views import posted_from
from executions.web.requester import address, person
from providers import connection_test

PAGE = "executions/notifications/rule.html"
NOUNS = {  # of one, of several
    Event.FAILED: ("failure", "failures"),
    Event.WAITING: ("wait", "waits"),
    Event.OVERDUE: ("overdue run", "overdue runs"),
}


@require_http_methods(["GET", "HEAD", "POST"])
def rule_creation(request: HttpRequest) -> HttpResponse:
    """The form, begun from `run` or `workflow` of the address; a POST saves the rule. With htmx
    what is wrong comes alone, so that the page keeps what was typed."""
    require_may_set_up(request.user)
    user = person(request)
    subject = _subject(request, request.POST if request.method == "POST" else request.GET)
    if request.method != "POST":
        form = TeamRuleForm(subject=subject, user=user)
        return _page(request, form, subject)
    form = TeamRuleForm(request.POST, subject=subject, user=user)
    if not form.is_valid():
        if wants_fragment(request):
            context = {"form": form}
            html = fragment(request, "executions/notifications/_rule_problems.html", context)
            return no_store(HttpResponse(html, status=422))
        return _page(request, form, subject, status=422)
    rule = team_rules.add(form, user, address=address(request))
    messages.success(request, f"Saved. {rule_form.in_words(rule)}")
    target = reverse("executions:notices")  # its top, where the message stands
    return HttpResponseClientRedirect(target) if wants_fragment(request) else redirect(target)


def _form_page(request: HttpRequest) -> str:
    return reverse("executions:notice-rules")


@posted_from(_form_page)
def rule_preview(request: HttpRequest) -> HttpResponse:
    """What the rule as typed does, and would have done. Sends and saves nothing."""
    require_may_set_up(request.user)
    subject = _subject(request, request.POST)
    form = TeamRuleForm(request.POST, subject=subject, user=person(request), is_reached=False)
    form.is_valid()
    if not wants_fragment(request):
        return _page(request, form, subject)
    context = {"preview": _preview(request, form, subject)}
    return no_store(
        HttpResponse(fragment(request, "executions/notifications/_rule_preview.html", context))
    )


@posted_from(_form_page)
def rule_test(request: HttpRequest) -> HttpResponse:
    """A marked message to the addresses as typed, now; nothing of them is stored."""
    require_may_set_up(request.user)
    context = {"results": _test(request)}
    if wants_fragment(request):
        html = fragment(request, "executions/notifications/_tested.html", context)
        return no_store(HttpResponse(html))
    return show(request, "executions/notifications/tested.html", context)


@posted_from(lambda request, pk: reverse("executions:notices"), "#rules")
def rule_switch(request: HttpRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(NoticeRule.objects.visible_to(person(request)), pk=pk)
    on = request.POST.get("on") == "1"
    if team_rules.switch(rule, person(request), on=on, address=address(request)):
        done = "switched on; what is already so is not sent" if on else "switched off"
        messages.success(request, f"The rule {rule.name} is {done}.")
    return redirect(reverse("executions:notices") + "#rules")


# ---------------------------------------------------------------------------------------- parts


def _subject(request: HttpRequest, given: Mapping[str, Any]) -> Subject:
    """404 where the run or workflow is not there for the person."""
    run, workflow = str(given.get("run", "")), str(given.get("workflow", ""))
    if run:
        rows = visible_executions(request.user).select_related("workflow__account")
        found = get_object_or_404(rows, pk=_known(run))
        return Subject(found.workflow, found)
    if workflow:
        seen = visible_accounts(request.user).values("pk")
        flows = Workflow.objects.filter(account__in=seen).select_related("account")
        return Subject(get_object_or_404(flows, pk=_known(workflow)))
    return Subject()


def _known(text: str) -> int:
    if (pk := row_id(text)) is None:
        raise Http404
    return pk


def _page(
    request: HttpRequest, form: TeamRuleForm, subject: Subject, *, status: int = 200
) -> HttpResponse:
    user = person(request)
    context = {
        "form": form,
        "subject": subject,
        "is_without_team": form.fields["group"].required and not subject.teams(user).exists(),
        "has_browsers": browsers.of_person(user).exists(),
        "has_teams": teams_of(user).exists(),
        "preview": _preview(request, form, subject),
        "back": _back(subject),
    }
    return show(request, PAGE, context, status=status)


def _back(subject: Subject) -> tuple[str, str]:
    if subject.run is not None:
        return reverse("executions:detail", args=[subject.run.pk]), "Back to the run"
    if subject.workflow is not None:
        return reverse("executions:workflow", args=[subject.workflow.pk]), subject.name
    return reverse("executions:notices"), "Notifications"


def _preview(request: HttpRequest, form: TeamRuleForm, subject: Subject) -> dict[str, Any]:
    """The rule in words, and how often it would have sent. {} where too little is understood."""
    user = person(request)
    if not form.is_bound:
        begun = {key: form.get_initial_for_field(field, key) for key, field in form.fields.items()}
        form.cleaned_data = {**begun, "new_addresses": []}
    elif {"event", "after_seconds", "pause_seconds", "group"} & set(form.errors):
        return {}
    rule, addresses = form.draft()
    workflows = [subject.workflow] if subject.workflow else []
    words = rule_form.in_words(
        rule,
        of=[each.name for each in workflows],
        receivers=[
            *(f"{each.service} {each.called}".strip() for each in addresses),
            *(["my browsers"] if form.cleaned_data.get("my_browsers") else []),
        ],
    )
    accounts = team_rules.accounts_of_team(user, rule.group, subject)
    ids = [each.pk for each in workflows] or None
    try:
        found = rule_backtest.backtest(rule, accounts, ids)
    except statement_timeout.TooLong:
        return {"words": words, "days": rule_backtest.DAYS, "is_unknown": True}
    return {
        "words": words,
        "days": rule_backtest.DAYS,
        "events": found.events,
        "messages": found.messages,
        "what": f"{found.events:,} {NOUNS[Event(rule.event)][found.events != 1]}",
        "tells_cleared": rule.tells_cleared,
    }


def _test(request: HttpRequest) -> list[tuple[bool, str]]:
    picked = service_picker.ServicePicker().value_from_datadict(request.POST, None, "new_addresses")
    found, problems = service_addresses.read(picked)
    results = [(False, each) for each in problems]
    if not found and not problems:
        return [(False, "Pick a service and fill it in first.")]
    user = person(request)
    if found and not connection_test.may_try(user.get_username()):
        most = connection_test.TRIES_PER_MINUTE
        return [(False, f"Only {most} tests a minute. Wait a minute.")]
    name = " ".join(request.POST.get("name", "").replace("\0", " ").split())[:100]
    message = apprise_sending.Message(*message_text.words_of_trial(name, user.get_username()))
    sent = []
    for each in found[: rule_form.MAX_ADDRESSES]:
        outcome = apprise_sending.send(
            each, message, settings.ANNUNCIATOR_ALLOWED_NETWORKS, settings.ANNUNCIATOR_SITE_URL
        )
        sent.append((each.shown, outcome.state))
        results.append((outcome.is_sent, f"{each.service}, {each.shown}: {outcome.says}"))
    if sent:
        team_rules.note_test(user, sent, address=address(request))
    return results
