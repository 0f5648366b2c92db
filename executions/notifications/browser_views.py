"""The browsers that notify a person: set one up, see when each was used, test it, remove it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from executions.models import NoticeRule
from executions.notifications import browsers, push_key, web_push
from executions.web.live_page import show
from executions.web.post_only_views import posted_from
from executions.web.requester import address, person
from providers import connection_test


@require_http_methods(["GET", "HEAD", "POST"])
def browser_list(request: HttpRequest) -> HttpResponse:
    """A POST adds the browser that sends it."""
    user, status = person(request), 200
    if request.method == "POST":
        given = [request.POST.get(name, "") for name in ("endpoint", "p256dh", "auth")]
        try:
            made = browsers.add(
                user,
                web_push.read_subscription(*given),
                agent=request.headers.get("User-Agent", ""),
                address=address(request),
            )
        except (browsers.NotAdded, web_push.NotABrowser) as why:
            messages.error(request, f"This browser was not added. {why}")
            status = 422
        else:
            messages.success(request, f"{made.name} now shows notifications.")
            return redirect("executions:browsers")
    rules = NoticeRule.objects.visible_to(user).filter(people=user).order_by("name")
    context = {
        "browsers": list(browsers.of_person(user)),
        "rules": [rule.name for rule in rules],
        "key": push_key.row().public,
    }
    return show(request, "executions/notifications/browsers.html", context, status=status)


def _page(request: HttpRequest, pk: int) -> str:
    return reverse("executions:browsers")


@posted_from(_page)
def removal(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(browsers.of_person(person(request)), pk=pk)
    browsers.remove(found, address=address(request))
    messages.success(request, f"{found.name} is removed; it shows no notifications any more.")
    return redirect("executions:browsers")


@posted_from(_page)
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """A marked message to one browser, now."""
    user = person(request)
    found = get_object_or_404(browsers.of_person(user), pk=pk)
    if not connection_test.may_try(user.get_username()):
        most = connection_test.TRIES_PER_MINUTE
        messages.error(request, f"Only {most} tests a minute. Wait a minute.")
        return redirect("executions:browsers")
    outcome = browsers.send_test(found)
    level = messages.SUCCESS if outcome.is_sent else messages.ERROR
    messages.add_message(request, level, f"{found.name}: {outcome.says}")
    return redirect("executions:browsers")


@posted_from(lambda request, pk: reverse("executions:notices"), "#rules")
def rule_browsers(request: HttpRequest, pk: int) -> HttpResponse:
    """One's own browsers are notified by this rule, or are not any more."""
    user = person(request)
    rule = get_object_or_404(NoticeRule.objects.visible_to(user), pk=pk)
    if request.POST.get("on") != "1":
        rule.people.remove(user)
        messages.success(request, f"The rule {rule.name} no longer tells your browsers.")
    else:
        rule.people.add(user)
        where = "" if browsers.of_person(user).exists() else " Set one up under Preferences first."
        messages.success(request, f"The rule {rule.name} tells your browsers.{where}")
    return redirect(reverse("executions:notices") + "#rules")
