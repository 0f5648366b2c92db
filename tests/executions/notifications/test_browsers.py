"""Messages to people's own browsers: what arrives at a push service is what the browser can read,
once, and nothing that its person may not see."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import http_ece
import jwt
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from executions.models import AuditEntry, Delivery, NoticeRule, Preference, PushBrowser, PushKey
from executions.notifications import browsers, delivery, push_key, web_push
from executions.notifications.web_push import NotABrowser, read_subscription
from providers.contract import Question, Status
from tests.executions.notifications.conftest import Receiver, outcomes
from tests.pages import Page

pytestmark = pytest.mark.django_db(transaction=True)
HOME = "/preferences/browsers/"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari"


def text_of(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


class BrowserWithService(Receiver):
    """A browser and its push service in one: takes messages over HTTP and opens them with the key
    that only the browser has."""

    def __init__(self) -> None:
        super().__init__()
        self.key, self.auth = ec.generate_private_key(ec.SECP256R1()), b"sixteen octets.."
        self.status = 201

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/push/planted-word?token=a"

    @property
    def given(self) -> dict[str, str]:
        """What the browser gives the page that subscribes."""
        return {
            "endpoint": self.endpoint,
            "p256dh": push_key.point_of(self.key),
            "auth": text_of(self.auth),
        }

    @property
    def read(self) -> list[dict[str, str]]:
        """The messages, as the browser opens them."""
        return [
            json.loads(
                http_ece.decrypt(
                    body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"
                )
            )
            for body in self.bodies
        ]


@pytest.fixture
def service() -> Iterator[BrowserWithService]:
    made = BrowserWithService()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _reachable_and_uncounted(settings: Any) -> None:
    settings.ANNUNCIATOR_ALLOWED_NETWORKS = ["127.0.0.0/8:*"]
    cache.clear()  # of tests that were counted


@pytest.fixture
def set_up(ana: Client, service: BrowserWithService) -> PushBrowser:
    """Ana's browser."""
    answer = ana.post(HOME, service.given, headers={"User-Agent": AGENT})
    assert answer.status_code == 302, answer.content
    return PushBrowser.objects.get()


@pytest.fixture
def rule(make_rule: Any, ana: Client, set_up: PushBrowser) -> NoticeRule:
    """Of no team, with no address, that ana wants in her browsers."""
    made: NoticeRule = make_rule(new_addresses="")
    assert ana.post(f"/notices/rules/{made.pk}/browsers/", {"on": "1"}).status_code == 302
    return made


def fail(store_run: Any, ref: str = "r1", **more: Any) -> Any:
    return store_run(ref, Status.FAILED, error="Timeout", **more)


def due_again() -> None:
    Delivery.objects.filter(state="pending").update(not_before=timezone.now())


# ------------------------------------------------------------------------------------ messages


def test_a_browser_reads_what_failed_where_since_when_and_where_it_leads(
    rule, store_run, tick, service, people
):
    Preference.objects.update_or_create(user=people["ana"], defaults={"zone": "Asia/Tokyo"})
    run = fail(store_run)
    tick()
    tick()
    [message] = service.read
    assert message["title"] == "Failed: Nightly import r1 (Claims)"
    assert message["body"].startswith("Failed ")
    assert "JST" in message["body"] or "+09" in message["body"]
    assert message["body"].endswith("Timeout")
    assert message["path"] == f"/executions/{run.pk}/"
    assert outcomes() == [("sent", 1)]
    assert Delivery.objects.get().shown == "ana: Chrome on Linux"
    assert PushBrowser.objects.get().last_used_at is not None


def test_a_message_about_several_things_leads_to_all_of_them(rule, store_run, tick, service):
    for number in range(3):
        store_run(f"r{number}", Status.FAILED, error=f"Error {'abc'[number]}")
    tick()
    [message] = service.read
    assert message["title"].startswith("3 runs failed")
    assert message["path"].startswith("/notices/messages/")
    assert len(message["body"].splitlines()) == 3


def test_a_question_leads_to_its_form(make_rule, store_run, tick, service, ana, set_up):
    rule = make_rule("waiting", after_seconds="1s", new_addresses="")
    ana.post(f"/notices/rules/{rule.pk}/browsers/", {"on": "1"})
    asked = Question(ref="q", kind="form", title="Decide", schema={"type": "object"})
    run = store_run("r1", Status.USER_INPUT, steps=(), questions=(asked,), outputs=())
    time.sleep(1.2)
    tick()
    assert service.read[0]["path"] == f"/questions/{run.questions.get().pk}/"


def test_the_site_is_known_to_the_push_service_by_its_key(rule, store_run, tick, service):
    fail(store_run)
    tick()
    [head] = service.headers
    scheme, _, rest = head["Authorization"].partition(" ")
    parts = dict(each.strip().split("=", 1) for each in rest.split(","))
    point = urlsafe_b64decode(parts["k"] + "=" * (-len(parts["k"]) % 4))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    origin = f"http://127.0.0.1:{service.port}"
    claims = jwt.decode(parts["t"], key, algorithms=["ES256"], audience=origin)
    assert scheme == "vapid"
    assert 0 < claims["exp"] - timezone.now().timestamp() <= 24 * 3600
    assert claims["sub"].startswith(("mailto:", "https://"))
    assert parts["k"] == PushKey.objects.get().public
    assert head["Content-Encoding"] == "aes128gcm"
    assert int(head["TTL"]) > 0
    assert "Cookie" not in head


def test_what_the_service_refuses_is_tried_again_later_and_what_it_took_is_not(
    rule, store_run, tick, service
):
    service.status = 503
    fail(store_run)
    tick()
    tick()
    assert outcomes() == [("pending", 1)]
    assert "The push service answered 503." in Delivery.objects.get().says
    service.status = 201
    due_again()
    tick()
    due_again()
    tick()
    assert outcomes() == [("sent", 2)]
    assert len(service.bodies) == 2
    assert service.read[0]["tag"] == service.read[1]["tag"]


def test_an_answer_that_is_lost_leads_to_no_second_message(rule, store_run, tick, service):
    service.status = None
    fail(store_run)
    tick()
    due_again()
    tick()
    assert len(service.bodies) == 1
    assert outcomes() == [("unknown", 1)]


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_its_service_no_longer_knows_is_removed(
    rule, store_run, tick, service, status
):
    service.status = status
    fail(store_run)
    tick()
    assert not PushBrowser.objects.exists()
    assert outcomes() == [("dropped", 1)]
    fail(store_run, "r2")
    tick()
    assert len(service.bodies) == 1


def test_a_redirect_is_not_followed(rule, store_run, tick, service):
    service.status = 302
    fail(store_run)
    tick()
    assert service.paths == ["/push/planted-word?token=a"]
    assert outcomes() == [("pending", 1)]


def test_what_waits_for_a_browser_that_is_removed_is_not_sent(rule, store_run, tick, service, ana):
    service.status = 503
    fail(store_run)
    tick()
    ana.post(f"{HOME}{PushBrowser.objects.get().pk}/removal/")
    due_again()
    tick()
    assert (outcomes(), len(service.bodies)) == ([("dropped", 2)], 1)


@pytest.mark.parametrize("how", ["account", "rule", "disabled", "unwanted"])
def test_nothing_is_sent_that_its_person_may_not_see_by_then(
    rule, store_run, tick, service, account, people, how
):
    service.status = 503
    fail(store_run)
    tick()
    service.status = 201
    west = Group.objects.create(name="far away")
    if how == "account":
        account.group = west
        account.save()
    elif how == "rule":
        NoticeRule.objects.update(group=west)
    elif how == "disabled":
        User.objects.filter(username="ana").update(is_active=False)
    else:
        rule.people.clear()
    due_again()
    for rule_id, target in delivery.due_targets():
        delivery.deliver(rule_id, target)
    assert len(service.bodies) == 1  # the one that was refused
    assert outcomes() == [("dropped", 2)]


def test_each_browser_is_told_for_itself(rule, store_run, tick, service, ana):
    other = BrowserWithService()
    try:
        ana.post(HOME, other.given)
        service.status = 500
        fail(store_run)
        tick()
        assert len(other.read) == 1
        assert sorted(outcomes()) == [("pending", 1), ("sent", 1)]
        service.status = 201
        due_again()
        tick()
        assert len(other.read) == 1
        assert sorted(outcomes()) == [("sent", 1), ("sent", 2)]
    finally:
        other.close()


def test_a_rule_tells_addresses_and_browsers_alike(
    make_rule, ana, set_up, store_run, tick, service, receiver
):
    rule = make_rule()
    ana.post(f"/notices/rules/{rule.pk}/browsers/", {"on": "1"})
    fail(store_run)
    tick()
    assert len(service.read) == len(receiver.got) == 1
    ana.post(f"/notices/rules/{rule.pk}/browsers/", {"on": "0"})
    fail(store_run, "r2", flow="Another")
    tick()
    assert (len(service.read), len(receiver.got)) == (1, 2)


# ---------------------------------------------------------------------- where they are reached


@pytest.mark.parametrize(
    "endpoint",
    [
        "", "ftp://push.example.com/x", "https://", "https://user:word@push.example.com/x",
        "https://push.example.com/a b", "https://push.example.com\\@127.0.0.1/", "javascript:1",
        "https://push.example.com:0/", "https://push.example.com/#x", "https://ex\u00e4mple.com/x",
        "https://push.example.com/" + "x" * 1000, "https://push.example.com/\r\nHost: a",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_push_service_is_not_taken(ana, service, endpoint):
    answer = ana.post(HOME, {**service.given, "endpoint": endpoint})
    assert answer.status_code == 422
    assert not PushBrowser.objects.exists()


@pytest.mark.parametrize("name", ["p256dh", "auth"])
@pytest.mark.parametrize("value", ["", "AAAA", "\u00e4", "B" * 87])
def test_keys_that_are_none_are_not_taken(service, name, value):
    given = {**service.given, name: value}
    with pytest.raises(NotABrowser):
        read_subscription(given["endpoint"], given["p256dh"], given["auth"])


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "169.254.169.254", "[::ffff:169.254.169.254]", "localhost:{port}"]
)
def test_an_address_that_may_not_be_reached_is_not_connected(
    rule, store_run, tick, service, settings, host
):
    settings.ANNUNCIATOR_ALLOWED_NETWORKS = []
    place = f"http://{host.format(port=service.port)}/push"
    row = PushBrowser.objects.get()
    row.delete()
    given = read_subscription(place, service.given["p256dh"], service.given["auth"])
    browsers.add(User.objects.get(username="ana"), given, agent="", address=None)
    fail(store_run)
    tick()
    assert service.bodies == []
    assert "may not be reached" in Delivery.objects.get().says


def test_no_secret_of_a_browser_is_kept_open_shown_or_told(set_up, ana, service, caplog):
    service.status = 500
    ana.post(f"{HOME}{set_up.pk}/test/")
    pages = ana.get(HOME).content.decode() + ana.get("/notices/").content.decode()
    stored = str(list(PushBrowser.objects.values())) + str(list(AuditEntry.objects.values()))
    for secret in ("planted-word", service.given["auth"], service.given["p256dh"]):
        assert secret not in pages + stored + caplog.text
    assert repr(web_push.Subscription(**service.given)) == "Subscription(127.0.0.1)"


def test_keys_of_the_site_are_rotated_with_the_others(rule, store_run, tick, service, settings):
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), *settings.CREDENTIAL_KEYS]
    call_command("rotate_credentials", verbosity=0)
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS[:1]
    fail(store_run)
    tick()
    assert len(service.read) == 1
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    fail(store_run, "r2")
    tick()
    assert len(service.read) == 1
    assert "Set the browser up again" in Delivery.objects.latest("pk").says


# --------------------------------------------------------------------------------- the page


def test_a_person_sees_tests_and_removes_their_own_browsers_alone(set_up, ana, service, people):
    page = Page(ana.get(HOME))
    row = page.one("[data-browser]")
    assert row["data-browser"] == browsers.hash_of(service.endpoint)
    assert "Chrome on Linux" in row
    assert "never" in row
    assert "accepted it" in ana.post(f"{HOME}{set_up.pk}/test/", follow=True).content.decode()
    assert service.read[0]["title"].startswith("Test")
    assert "never" not in Page(ana.get(HOME)).one("[data-browser]")
    other = Client()
    other.force_login(User.objects.create_user("ida"))
    assert other.post(f"{HOME}{set_up.pk}/test/").status_code == 404
    assert other.post(f"{HOME}{set_up.pk}/removal/").status_code == 404
    assert "Chrome on Linux" not in other.get(HOME).content.decode()
    ana.post(f"{HOME}{set_up.pk}/removal/")
    assert not PushBrowser.objects.exists()
    told = AuditEntry.objects.filter(action__startswith="browser").order_by("pk")
    assert [each.action for each in told] == ["browser.added", "browser.removed"]


def test_tests_are_rationed(set_up, ana, service):
    for _ in range(7):
        ana.post(f"{HOME}{set_up.pk}/test/")
    assert len(service.bodies) == 5


def test_a_browser_is_of_the_person_who_set_it_up_last(set_up, service):
    other = Client()
    other.force_login(User.objects.create_user("ida"))
    other.post(HOME, service.given)
    assert [str(each.user) for each in PushBrowser.objects.all()] == ["ida"]


def test_a_person_has_a_limited_number_of_browsers(ana, service, monkeypatch):
    monkeypatch.setattr(browsers, "MOST", 1)
    assert ana.post(HOME, service.given).status_code == 302
    more = {**service.given, "endpoint": f"{service.endpoint}b"}
    answer = ana.post(HOME, more)
    assert answer.status_code == 422
    assert "Remove one" in answer.content.decode()


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (AGENT, "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/150 Safari/537 Edg/150", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14) Version/18 Safari/605", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU like Mac OS X) Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (Android 15; Mobile) Gecko/140 Firefox/140", "Firefox on Android"),
        ("", "A browser"),
    ],
)
def test_browsers_are_known_by_program_and_system(agent, name):
    assert browsers.name_of(agent) == name


def test_a_rule_is_made_for_ones_own_browsers(ana, set_up, put):
    run = put("r1", Status.FAILED, error="Timeout")
    page = Page(ana.get(f"/notices/rules/?run={run.pk}"))
    form = {**page.one("#rule-form").posted(), "my_browsers": "on"}
    preview = ana.post("/notices/rules/preview/", form)
    assert "tell my browsers" in preview.content.decode()
    assert ana.post("/notices/rules/", form).status_code == 302
    rule = NoticeRule.objects.get()
    assert [str(each) for each in rule.people.all()] == ["ana"]
    shown = Page(ana.get("/notices/"))
    assert "browsers of ana" in shown.one("#rules").text
    assert "Not to my browsers" in shown.one("#rules").text
