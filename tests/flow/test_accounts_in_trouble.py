"""What a poll does when the provider misbehaves: health and age change, statuses never."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from executions.models import PollRun, Quarantine, Transition
from providers.models import ProviderAccount

SCENARIOS = {
    "smartflows": "waiting_esign",
    "eightx8": "running_long",
    "generio": "long_running",
    "flow8": "long_running",
}
EVERY = pytest.mark.parametrize("key", SCENARIOS)


@EVERY
@pytest.mark.parametrize(
    ("mode", "health"),
    [("down", "failing"), ("error", "failing"), ("html", "failing"), ("auth", "auth")],
)
@pytest.mark.fault("H1", "H9", "H12", "N1")
def test_a_broken_provider_changes_health_and_no_status(open_desk, key, mode, health):
    desk = open_desk(key, speed=1)
    ref = desk.begin(SCENARIOS[key])
    desk.poll()
    before, moves = desk.status(ref), Transition.objects.count()
    desk.sim.fault(mode)
    account = desk.poll()
    assert (account.health, account.failures) == (health, 1)
    assert account.last_error
    assert (desk.status(ref), Transition.objects.count()) == (before, moves)
    desk.sim.fault("ok")
    assert desk.poll().health == "ok"
    assert PollRun.objects.filter(account=account).count() == 3


@EVERY
@pytest.mark.fault("H6")
def test_rate_limited_waits_as_long_as_the_provider_says(open_desk, key):
    desk = open_desk(key)
    desk.sim.fault("throttled", seconds=120)
    account = desk.poll()
    wait = account.next_poll_at - timezone.now()
    assert timedelta(seconds=118) < wait < timedelta(seconds=140)


@pytest.mark.fault("H1")
def test_refused_credentials_stop_the_polling_until_somebody_acts(open_desk):
    from executions.polling.schedule import claim_due

    desk = open_desk("flow8")
    desk.sim.fault("auth")
    desk.poll()
    ProviderAccount.objects.update(next_poll_at=timezone.now(), lease_until=None)
    assert claim_due() == []


@pytest.mark.fault("D12")
def test_only_one_worker_gets_a_due_account(open_desk):
    from executions.polling.schedule import claim_due

    desk = open_desk("flow8")
    assert [account for account, _ in claim_due()] == [desk.account.pk]
    assert claim_due() == []


@pytest.mark.fault("P19")
def test_a_late_message_of_an_older_claim_does_nothing(open_desk):
    from executions.polling import poller
    from executions.polling.schedule import claim

    desk = open_desk("flow8")
    old = claim(desk.account.pk)
    ProviderAccount.objects.update(lease_until=None)
    claim(desk.account.pk)
    assert poller.poll(desk.account.pk, old) is None


def test_absurd_records_are_kept_apart_and_the_rest_is_stored(open_desk):
    desk = open_desk("smartflows", speed=1)
    odd = desk.begin("absurd")
    good = desk.begin("waiting_esign")
    desk.poll_until(lambda: desk.status(good) == "waiting")
    assert desk.account.health == "ok"
    assert desk.status(odd) in ("unknown", "") or Quarantine.objects.exists()


@pytest.mark.fault("H9")
def test_a_run_that_its_server_cannot_show_stops_no_other(open_desk):
    desk = open_desk("smartflows", speed=1)
    broken = desk.begin("long_running")
    desk.poll()
    before = desk.status(broken)
    desk.sim.fault("error", path=f"/api/v1/flows/executions/{broken}")
    others = [desk.begin("waiting_esign") for _ in range(3)]
    desk.poll_until(lambda: all(desk.status(ref) == "waiting" for ref in others))
    assert (desk.account.health, desk.status(broken)) == ("ok", before)
    assert "500" in Quarantine.objects.get(ref=broken).reason
    assert PollRun.objects.latest("poll_seq").outcome == "partial"
    desk.poll()
    run = desk.run(broken)  # what was seen of it is not shown as current, and it is asked for on
    assert (run.missing_since is not None, run.is_gone) == (True, False)
    desk.sim.fault("ok")
    desk.poll()
    assert desk.run(broken).missing_since is None


def test_a_server_that_can_show_hardly_any_run_fails_the_poll(open_desk):
    desk = open_desk("smartflows", speed=1)
    for _ in range(4):
        desk.begin("long_running")
    desk.poll()
    desk.sim.fault("error", path="/api/v1/flows/executions/", method="GET")
    assert desk.poll().health == "failing"
    assert "500" in desk.account.last_error


@pytest.mark.fault("D8")
def test_a_run_that_is_gone_keeps_its_status_and_says_so(open_desk):
    desk = open_desk("generio", speed=1)
    ref = desk.begin("long_running")
    desk.poll()
    before = desk.status(ref)
    world = desk.sim.world
    world.erase(world.runs[ref])
    desk.poll()
    run = desk.run(ref)
    assert (run.status, run.missing_since is not None) == (before, True)
