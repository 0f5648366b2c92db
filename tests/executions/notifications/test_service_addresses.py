"""What people paste for a service, and the address that it comes to; Apprise understands each."""

from __future__ import annotations

import pytest

from executions.notifications import apprise_sending, service_addresses
from executions.notifications.service_addresses import BY_KEY, Picked

TEAMS = (
    "https://prod-11.westeurope.logic.azure.com:443/workflows/0123456789abcdef/triggers/manual/paths"
    "/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=aBcDeFg-123_"
)
PASTED = {
    "slack": {"address": "https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/cccccccccccccccc1"},
    "teams": {"address": TEAMS},
    "mail": {
        "to": "team@example.com, night@example.com", "from": "annunciator@example.com",
        "server": "smtp.example.com:587", "user": "ann@example.com", "password": "p/w?#@ x",
    },
    "webhook": {"address": "https://example.com/hooks/a?team=ops&verify=no"},
    "mattermost": {"address": "https://chat.example.com/hooks/4ekg8pqsmpg7jy1xxdkc3q6t3r"},
    "gchat": {
        "address": "https://chat.googleapis.com/v1/spaces/AAAA1234/messages?key=AIza-1&token=t%3D2"
    },
    "discord": {"address": "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV"},
    "telegram": {"token": "123456789:AAabcdefghijklmnopqrstuvwxyz0123456", "chat": "-1001234567"},
    "opsgenie": {"key": "a1b2c3d4-e5f6-a7b8-c9d0-e1f2a3b4c5d6", "region": "EU"},
    "ntfy": {"topic": "ops-4f9c2a71"},
}  # fmt: skip


def test_every_service_that_is_offered_is_pasted_here() -> None:
    assert set(PASTED) == set(BY_KEY)
    assert all(
        each.how.count(".") < 4 and len(each.how) < 220 for each in service_addresses.SERVICES
    )


@pytest.mark.parametrize("key", BY_KEY)
def test_what_a_service_hands_out_becomes_an_address_that_apprise_understands(key: str) -> None:
    found, problems = service_addresses.read(Picked(key, PASTED[key]))
    assert problems == []
    outcome = apprise_sending.check(found[0], ["127.0.0.0/8"])
    assert outcome.is_sent or "does not resolve" in outcome.says, outcome.says


def test_a_login_of_mail_and_the_words_of_a_webhook_keep_every_character() -> None:
    mail = service_addresses.read(Picked("mail", PASTED["mail"]))[0][0].url
    assert mail.startswith("mailtos://ann%40example.com:p%2Fw%3F%23%40%20x@smtp.example.com:587?")
    assert "to=team@example.com,night@example.com" in mail
    hook = service_addresses.read(Picked("webhook", PASTED["webhook"]))[0][0].url
    assert hook == "jsons://example.com/hooks/a?-team=ops&-verify=no"


def test_a_relay_of_ones_own_is_not_encrypted() -> None:
    typed = {**PASTED["mail"], "server": "relay.example.com:25", "user": "", "password": ""}
    assert service_addresses.read(Picked("mail", typed))[0][0].url.startswith("mailto://relay")


@pytest.mark.parametrize(
    ("key", "typed", "says"),
    [
        (
            "slack",
            {"address": "https://example.slack.com/archives/C1"},
            "hooks.slack.com/services/",
        ),
        ("slack", {}, "Fill in: Webhook address."),
        ("teams", {"address": TEAMS.partition("&sig")[0]}, "The end of the address is missing"),
        (
            "teams",
            {"address": TEAMS.replace("logic.azure", "evil.example")},
            "no webhook of a",
        ),
        ("mail", {**PASTED["mail"], "to": "the team"}, "team@example.com"),
        ("mail", {**PASTED["mail"], "server": "smtp.example.com/x"}, "Write the mail server as"),
        ("webhook", {"address": "ftp://example.com"}, "begins with https://"),
        ("webhook", {"address": "https://example.com:nine/"}, "port is not understood"),
        ("gchat", {"address": PASTED["gchat"]["address"].partition("&")[0]}, "key= and token="),
        ("telegram", {"token": "secret", "chat": "1"}, "@BotFather"),
        ("ntfy", {"topic": "two words"}, "A topic is a name"),
    ],
)
def test_what_has_not_its_shape_is_refused_in_words_without_it(key, typed, says):
    found, problems = service_addresses.read(Picked(key, typed))
    assert found == []
    assert says in problems[0]
    assert "secret" not in problems[0]


def test_a_place_is_called_as_people_call_it() -> None:
    (address,), _ = service_addresses.read(Picked("slack", PASTED["slack"], "  #ops \n team "))
    assert address.shown == "#ops team"
    assert repr(address) == "Address(#ops team)"
