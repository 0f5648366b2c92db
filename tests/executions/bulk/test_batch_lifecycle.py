"""Acting on many: what is frozen, what the preview says, who may do what, and bad input."""

from __future__ import annotations

import csv
import io
import uuid
from datetime import timedelta
from threading import Thread

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.utils import timezone

from executions.bulk import runner as batch_runner
from executions.commands import dispatch, reconciliation, submit
from executions.models import AuditEntry, Batch, BatchItem, Command, Execution
from executions.storage.store import store
from providers import account_switches, contract
from providers.contract import Snapshot, Status, Verb
from providers.models import ProviderAccount
from tests.pages import Page

pytestmark = pytest.mark.django_db


def choose(client, kind="cancel", **more):
    """The selection bar's form, sent."""
    return client.post(
        "/batches/creation/", {"kind": kind, "key": str(uuid.uuid4()), **more}, follow=True
    )


def picked(client, *runs, **more):
    return choose(client, scope="picked", ids=",".join(str(run.pk) for run in runs), **more)


def matching(client, query="", **more):
    return choose(client, scope="all", query=query, **more)


def begin(client, batch, reason="the ERP is down", **more):
    return client.post(f"/batches/{batch.pk}/start/", {"reason": reason, **more})


def states(batch):
    return dict(batch.items.values_list("execution__ref", "state"))


@pytest.fixture
def many(put):
    """25 runs that can be canceled."""
    return [put(f"run-{number}") for number in range(25)]


@pytest.fixture
def eves(people):
    """A run of another team's account."""
    account = ProviderAccount.objects.create(
        name="Parcels", provider="smartflows", group=Group.objects.get(name="west"), health="ok"
    )
    run = Snapshot(
        ref="parcel-1",
        workflow=contract.Workflow(ref="w1", name="Parcel"),
        status=Status.RUNNING,
        native_status="Running",
        started_at=timezone.now(),
        offers=frozenset({Verb.CANCEL}),
    )
    store(account.pk, 1, [run])
    return Execution.objects.get(account=account)


# ---------------------------------------------------------------------------------- the preview


def test_the_preview_counts_exactly_and_names_who_is_left_out_and_why(ana, put):
    put("good")
    put("over", Status.SUCCEEDED, offers=frozenset())
    put("stuck", Status.QUEUED, offers=frozenset())
    busy = put("busy")
    Command.objects.create(
        kind="cancel", account=busy.account, execution=busy, target=f"run:{busy.pk}"
    )
    answer = matching(ana, "account=" + str(busy.account_id))
    assert "left out. Checked just now; the list is now fixed." in Page(answer)
    text = answer.content.decode()
    assert "Cancel 1 run?" in text
    assert "Nothing has been sent yet" in text
    for words in ("It has already ended (succeeded).",
                  "cannot be canceled while its status is “Queued”",
                  "Already requested by a deleted user.", "Cancel good at Smart Flows",
                  "account is Claims", "3</b> left out"):  # fmt: skip
        assert words in text, words
    batch = Batch.objects.get()
    left_out = {"over": "ineligible", "stuck": "ineligible", "busy": "ineligible"}
    assert states(batch) == {"good": "waiting", **left_out}
    assert Command.objects.count() == 1
    assert AuditEntry.objects.count() == 0


def test_a_preview_tells_nothing_of_an_account_that_was_taken_away(ana, people, put, eves):
    people["ana"].groups.add(Group.objects.get(name="west"))
    picked(ana, put("a"), eves)
    batch = Batch.objects.get()
    assert "Parcel" in ana.get(f"/batches/{batch.pk}/").content.decode()
    people["ana"].groups.remove(Group.objects.get(name="west"))
    page = ana.get(f"/batches/{batch.pk}/")
    assert page.status_code == 404 or "Parcel" not in page.content.decode()


def test_runs_that_can_be_resumed_after_their_end_are_resumed(ana, account, put):
    ProviderAccount.objects.filter(pk=account.pk).update(provider="generio")
    again = put("again", Status.FAILED, offers=frozenset({Verb.RESUME}))
    over = put("over", Status.FAILED, offers=frozenset())
    text = picked(ana, again, over, kind="resume").content.decode()
    assert "Resume 1 run?" in text
    assert states(Batch.objects.get()) == {"again": "waiting", "over": "ineligible"}


def test_a_resume_of_an_ended_run_is_not_over_before_it_goes_on(ana, account, people, put):
    ProviderAccount.objects.filter(pk=account.pk).update(provider="generio")
    offers = frozenset({Verb.RESUME})
    run = put("again", Status.FAILED, offers=offers)
    resume = submit.request_command(user=people["ana"], execution=run, kind=Verb.RESUME)
    assert dispatch.claim(resume.pk) is not None
    Command.objects.update(state="accepted", accepted_at=timezone.now())
    put("again", Status.FAILED, offers=offers, error="told later", seq=2)
    reconciliation.confirm_observed(account.pk)
    resume.refresh_from_db()
    assert resume.state == "accepted"
    put("again", Status.RUNNING, offers=offers, seq=3)
    reconciliation.confirm_observed(account.pk)
    resume.refresh_from_db()
    assert resume.state == "confirmed"


def test_a_verb_that_the_provider_has_not_leaves_everything_out(ana, put):
    text = picked(ana, put("a"), put("b"), kind="suspend").content.decode()
    assert '<b class="num">2 runs</b>: Smart Flows cannot suspend a run.' in text
    assert "None of the 2 runs can be suspended" in text
    assert "Suspend 0 runs?" not in text
    begin(ana, Batch.objects.get())
    assert Batch.objects.get().state == "draft"


def test_runs_of_an_account_whose_credentials_are_refused_are_left_out(ana, put, account):
    run = put("a")
    ProviderAccount.objects.filter(pk=account.pk).update(health="auth")
    assert "refuses the stored credentials" in picked(ana, run).content.decode()


def test_the_history_of_a_run_leads_to_the_batch_that_asked(ana, vik, put):
    run, alone = put("a"), put("b")
    picked(ana, run)
    begin(ana, batch := Batch.objects.get())
    batch_runner.advance()
    ana.post(f"/executions/{alone.pk}/cancellation/", {"reason": "wrong day"})
    link = f'in <a href="/batches/{batch.pk}/">batch #{batch.pk}</a>'
    for client in (ana, vik):
        assert link in client.get(f"/executions/{run.pk}/?tab=history").content.decode()
        assert link not in client.get(f"/executions/{alone.pk}/?tab=history").content.decode()
    assert vik.get(f"/batches/{batch.pk}/").status_code == 200


def test_runs_of_an_account_in_a_blind_test_are_left_out_and_asked_for_nothing(ana, put, account):
    """Whether the test begins before the preview or between the confirmation and the turn."""
    run = put("a")
    picked(ana, run)
    begin(ana, early := Batch.objects.get())
    account_switches.go_blind(account, 5, by="root")
    assert "This is a blind test" in picked(ana, run).content.decode()
    assert states(Batch.objects.exclude(pk=early.pk).get()) == {"a": "ineligible"}
    batch_runner.advance()
    assert "Nothing is sent to it until" in early.items.get().message
    assert not Command.objects.exists()


def test_the_filter_is_read_again_on_the_server_and_said_in_words(ana, put):
    put("a", Status.RUNNING)
    put("b", Status.WAITING)
    put("c", Status.PAUSED)
    text = matching(ana, "?status=running&status=waiting&q=nightly").content.decode()
    assert sorted(states(Batch.objects.get())) == ["a", "b"]
    assert "status is running, status is waiting, text is “nightly”" in text


def test_a_filter_that_is_not_understood_selects_nothing(ana, put):
    """Else one wrong word in the address would select everything."""
    put("a")
    text = matching(ana, "status=runing").content.decode()
    assert "The filter was not understood, so nothing was selected." in text
    assert not Batch.objects.exists()


def test_a_frozen_list_does_not_grow(ana, put):
    put("a")
    matching(ana, "status=running")
    batch = Batch.objects.get()
    put("b")
    assert begin(ana, batch).status_code == 302
    batch_runner.advance()
    assert list(states(batch)) == ["a"]
    assert Command.objects.get().execution.ref == "a"


def test_a_batch_takes_so_many_runs_and_says_that_there_are_more(ana, put, monkeypatch):
    monkeypatch.setattr("executions.bulk.frozen_selection.MOST", 3)
    for number in range(5):
        put(f"run-{number}", age=number + 1)
    text = matching(ana).content.decode()
    assert sorted(states(Batch.objects.get())) == ["run-0", "run-1", "run-2"]
    assert "More runs match than one batch takes" in text
    assert "every run that you may see" in text


def test_an_old_preview_is_made_again_before_it_can_be_confirmed(ana, put):
    run = put("a")
    picked(ana, run, put("b"))
    batch = Batch.objects.get()
    put("a", Status.SUCCEEDED, offers=frozenset(), seq=2)
    Batch.objects.update(assessed_at=timezone.now() - timedelta(hours=1))
    answer = begin(ana, batch)
    assert (answer.status_code, Batch.objects.get().state) == (422, "draft")
    assert "This preview was out of date" in answer.content.decode()
    assert states(batch) == {"a": "ineligible", "b": "waiting"}
    assert begin(ana, batch).status_code == 302


# ------------------------------------------------------------------------------- confirming


def test_a_reason_is_required(ana, put):
    picked(ana, put("a"))
    answer = begin(ana, Batch.objects.get(), reason="  ")
    assert answer.status_code == 422
    assert "Enter a reason" in answer.content.decode()
    assert Batch.objects.get().state == "draft"


def test_a_reason_that_is_too_long_is_kept_in_the_page_and_not_cut(ana, put):
    picked(ana, put("a"))
    answer = begin(ana, Batch.objects.get(), reason="y" * 501)
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "At most 500 characters, not 501." in text
    assert f'value="{"y" * 501}"' in text
    assert 'name="reason" maxlength' not in text
    assert Batch.objects.get().state == "draft"


@pytest.mark.parametrize("typed", ["", "24", "250", "2 5 0", "x25", "25 OR 1"])
def test_a_wrong_number_starts_nothing_and_keeps_what_was_typed(ana, many, typed):
    matching(ana)
    answer = begin(ana, Batch.objects.get(), number=typed)
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "Type 25 to confirm. Nothing was sent." in text
    assert 'value="the ERP is down"' in text
    assert not Command.objects.exists()


def test_the_right_number_starts_the_batch_and_is_audited(ana, many):
    matching(ana)
    batch = Batch.objects.get()
    assert begin(ana, batch, number="25").status_code == 302
    batch.refresh_from_db()
    assert batch.state == "running"
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.detail["runs"]) == ("ana", "batch cancel", 25)


def test_few_runs_need_no_number(ana, many):
    text = picked(ana, *many[:20]).content.decode()
    assert 'name="number"' not in text
    assert begin(ana, Batch.objects.get()).status_code == 302


def test_the_same_form_twice_is_one_batch_that_starts_once(ana, put):
    run, key = put("a"), str(uuid.uuid4())
    picked(ana, run, key=key)
    picked(ana, run, key=key)
    batch = Batch.objects.get()
    assert [begin(ana, batch).status_code for _ in range(2)] == [302, 302]
    batch_runner.advance()
    batch_runner.advance()
    assert Command.objects.count() == 1
    assert AuditEntry.objects.filter(action="batch cancel").count() == 1


def test_another_choice_on_the_same_page_is_another_batch(ana, put):
    a, b, key = put("a"), put("b"), str(uuid.uuid4())
    picked(ana, a, key=key)
    picked(ana, a, b, key=key)
    assert Batch.objects.count() == 2


# ------------------------------------------------------------------------------ who may do what


def test_viewers_have_no_boxes_and_are_refused(vik, ana, put):
    run = put("a")
    assert "c-pick" not in vik.get("/").content.decode()
    assert "c-pick" in ana.get("/").content.decode()
    picked(ana, run)
    batch = Batch.objects.get()
    begin(ana, batch)
    assert vik.get(f"/batches/{batch.pk}/").status_code == 200
    assert picked(vik, run).status_code == 403
    for what in ("start", "stop", "retry"):
        assert vik.post(f"/batches/{batch.pk}/{what}/").status_code == 403
    page = vik.get(f"/batches/{batch.pk}/").content.decode()
    assert "Stop sending" not in page


def test_a_draft_is_nobody_elses_business(ana, vik, eve, put):
    picked(ana, put("a"))
    pk = Batch.objects.get().pk
    for other in (vik, eve):
        for path in ("", "changes/", "result.csv"):
            assert other.get(f"/batches/{pk}/{path}").status_code == 404
        assert other.post(f"/batches/{pk}/start/").status_code == 404


def test_runs_of_other_teams_cannot_be_chosen(ana, put, eves):
    picked(ana, put("a"), eves)
    assert list(states(Batch.objects.get())) == ["a"]
    text = picked(ana, eves).content.decode()
    assert "Nothing was selected" in text
    assert Batch.objects.count() == 1


def test_people_see_of_a_batch_what_belongs_to_their_accounts(people, ana, vik, eve, put, eves):
    people["ana"].groups.add(Group.objects.get(name="west"))
    picked(ana, put("a"), eves)
    batch = Batch.objects.get()
    begin(ana, batch)
    text = eve.get(f"/batches/{batch.pk}/").content.decode()
    assert "parcel-1" in text
    assert "Claims" not in text
    assert "Some runs of this batch belong to accounts that you may not see" in text
    assert "Parcels" not in vik.get(f"/batches/{batch.pk}/").content.decode()
    assert "parcel-1" not in content(vik.get(f"/batches/{batch.pk}/result.csv"))
    assert "Cancel 1 run" in vik.get("/batches/").content.decode()


def test_who_sees_a_part_stops_that_part(people, ana, eve, put, eves):
    people["ana"].groups.add(Group.objects.get(name="west"))
    picked(ana, put("a"), eves)
    batch = Batch.objects.get()
    begin(ana, batch)
    eve.post(f"/batches/{batch.pk}/stop/")
    batch.refresh_from_db()
    assert states(batch) == {"a": "waiting", "parcel-1": "stopped"}
    assert batch.state == "running"


def test_rights_and_sight_are_checked_again_when_the_turn_comes(people, ana, put, account):
    picked(ana, put("a"), put("b"))
    batch = Batch.objects.get()
    begin(ana, batch)
    ProviderAccount.objects.filter(pk=account.pk).update(group=Group.objects.get(name="west"))
    batch_runner.advance()
    assert set(states(batch).values()) == {"skipped"}
    assert not Command.objects.exists()
    assert Batch.objects.get().state == "done"


@pytest.mark.fault("C10")
def test_a_person_who_may_not_act_any_more_sends_nothing(people, ana, put):
    picked(ana, put("a"))
    begin(ana, Batch.objects.get())
    people["ana"].groups.remove(Group.objects.get(name="operator"))
    batch_runner.advance()
    item = BatchItem.objects.get()
    assert (item.state, item.message) == ("skipped", "Your role can only view.")


# ---------------------------------------------------------------------------------- its course


def test_a_run_that_ended_meanwhile_is_skipped_with_the_reason(ana, put):
    picked(ana, put("a"))
    begin(ana, Batch.objects.get())
    put("a", Status.SUCCEEDED, offers=frozenset(), seq=2)
    batch_runner.advance()
    item = BatchItem.objects.get()
    assert (item.state, item.message) == ("skipped", "It has already ended (succeeded).")


def test_one_account_has_only_so_many_commands_on_their_way(ana, many):
    matching(ana)
    begin(ana, Batch.objects.get(), number="25")
    for _ in range(4):
        batch_runner.advance()
    assert Command.objects.count() == batch_runner.PER_ACCOUNT
    Command.objects.update(state="rejected", message="no")
    batch_runner.advance()
    assert Command.objects.count() == 2 * batch_runner.PER_ACCOUNT


def test_an_account_that_fails_is_left_in_peace(ana, put, account):
    picked(ana, put("a"))
    batch = Batch.objects.get()
    begin(ana, batch)
    ProviderAccount.objects.filter(pk=account.pk).update(health="failing")
    batch_runner.advance()
    assert not Command.objects.exists()
    assert (
        "Held until the account can be read again"
        in ana.get(f"/batches/{batch.pk}/").content.decode()
    )
    ProviderAccount.objects.filter(pk=account.pk).update(health="ok")
    batch_runner.advance()
    assert Command.objects.count() == 1


def test_items_follow_their_command_to_its_end(ana, put):
    a, b, c = put("a"), put("b"), put("c")
    picked(ana, a, b, c)
    batch = Batch.objects.get()
    begin(ana, batch)
    batch_runner.advance()
    said = {a: ("confirmed", "The run is canceled."), b: ("rejected", "Not today."),
            c: ("needs_person", "Look there.")}  # fmt: skip
    for run, (state, message) in said.items():
        Command.objects.filter(execution=run).update(state=state, message=message)
    batch_runner.advance()
    assert states(batch) == {"a": "confirmed", "b": "rejected", "c": "failed"}
    batch.refresh_from_db()
    assert (batch.state, batch.finished_at is not None) == ("done", True)
    text = ana.get(f"/batches/{batch.pk}/").content.decode()
    assert "Not today." in text
    assert "1 of 3 confirmed, 2 failed" in text
    assert "Retry the 2 that failed" in text


def test_the_numbers_of_a_batch_add_up_to_its_runs(ana, put):
    picked(ana, *[put(ref) for ref in "abcd"])
    batch = Batch.objects.get()
    begin(ana, batch)
    put("d", Status.SUCCEEDED, seq=2, offers=frozenset())
    for _ in range(4):  # it sends a few at a time
        batch_runner.advance()
        Command.objects.filter(execution__ref="a").update(state="confirmed")
        Command.objects.filter(execution__ref="b").update(state="rejected")
    head = Page(ana.get(f"/batches/{batch.pk}/")).one("#batch-head [role=status]")
    assert head.text == "1 of 4 confirmed, 1 under way, 1 failed, 1 skipped"
    assert "1 skipped" in Page(ana.get("/batches/")).one(f"#batch-{batch.pk}")


def test_stop_sends_nothing_new_withdraws_what_nobody_sent_and_follows_the_rest(ana, many):
    matching(ana)
    batch = Batch.objects.get()
    begin(ana, batch, number="25")
    batch_runner.advance()
    sent = Command.objects.first()
    Command.objects.filter(pk=sent.pk).update(state="accepted", attempts=1)
    ana.post(f"/batches/{batch.pk}/stop/")
    batch_runner.advance()
    assert Command.objects.filter(state="pending").count() == 0
    assert batch.items.filter(state="stopped").count() == 24
    batch.refresh_from_db()
    assert batch.state == "stopping"
    Command.objects.filter(pk=sent.pk).update(state="confirmed")
    batch_runner.advance()
    batch.refresh_from_db()
    assert batch.state == "stopped"
    assert Command.objects.count() == batch_runner.PER_ACCOUNT
    assert AuditEntry.objects.get(action="batch stopped").detail == {"not sent": 24}


def test_retry_asks_again_for_the_failed_only_in_a_batch_of_its_own(ana, put):
    a, b = put("a"), put("b")
    picked(ana, a, b)
    first = Batch.objects.get()
    begin(ana, first)
    batch_runner.advance()
    Command.objects.filter(execution=a).update(state="confirmed")
    Command.objects.filter(execution=b).update(state="rejected", message="Not today.")
    batch_runner.advance()
    text = ana.post(f"/batches/{first.pk}/retry/", {"which": "failed"}, follow=True)
    assert "what did not work in batch" in text.content.decode()
    second = Batch.objects.exclude(pk=first.pk).get()
    assert (second.state, second.retry_of, states(second)) == ("draft", first, {"b": "waiting"})
    begin(ana, second)
    batch_runner.advance()
    assert Command.objects.filter(execution=b).count() == 2
    assert Command.objects.filter(execution=a).count() == 1


def content(answer):
    return b"".join(answer.streaming_content).decode()


def test_the_result_is_a_csv_file_without_formulas(ana, put):
    run = put("a", name='=HYPERLINK("http://example.com")')
    picked(ana, run)
    batch = Batch.objects.get()
    begin(ana, batch)
    batch_runner.advance()
    Command.objects.update(state="rejected", message='+1 reason,\n"quoted"')
    batch_runner.advance()
    answer = ana.get(f"/batches/{batch.pk}/result.csv")
    assert answer["Content-Type"].startswith("text/csv")
    [line] = csv.DictReader(io.StringIO(content(answer).lstrip("\ufeff")))
    assert line["name"] == '\'=HYPERLINK("http://example.com")'
    assert line["message"] == '\'+1 reason,\n"quoted"'
    assert (line["result"], line["account"]) == ("rejected", "Claims")


def test_open_pages_are_told_only_when_something_changed(ana, put):
    picked(ana, put("a"))
    batch = Batch.objects.get()
    begin(ana, batch)
    page = ana.get(f"/batches/{batch.pk}/").content.decode()
    stamp = page.split('data-stamp="')[1].split('"')[0]
    assert ana.get(f"/batches/{batch.pk}/changes/?stamp={stamp}").status_code == 204
    batch_runner.advance()
    answer = ana.get(f"/batches/{batch.pk}/changes/?stamp={stamp}")
    assert "Requested" in answer.content.decode()
    assert ana.get("/batches/").content.decode().count("<tr id=") == 1


def test_items_come_a_hundred_at_a_time_and_by_result(ana, put, monkeypatch):
    monkeypatch.setattr("executions.bulk.batch_items.PAGE", 2)
    runs = [put(f"r{number}", age=number + 1) for number in range(5)]
    picked(ana, *runs)
    batch = Batch.objects.get()
    begin(ana, batch)
    path, seen = "?state=waiting", []
    while path:
        page = Page(ana.get(f"/batches/{batch.pk}/{path}"))
        rows = page.all("tbody tr")
        seen += [run.ref for run in runs if any(run.ref in row for row in rows)]
        path = page.address("next")
    assert seen == [run.ref for run in runs]


# ----------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "more",
    [{"scope": "picked", "ids": ""}, {"scope": "picked", "ids": "x,,-1,99999999999999999999,0"},
     {"scope": "all", "query": "status=succeeded"}, {"scope": "picked", "ids": "123456789"}, {}],
)  # fmt: skip
def test_an_empty_selection_makes_no_batch_and_says_so(ana, put, more):
    put("a")
    answer = choose(ana, **more)
    assert answer.status_code == 200
    assert "Nothing was selected" in answer.content.decode()
    assert not Batch.objects.exists()


@pytest.mark.parametrize("kind", ["answer", "start", "delete", ""])
def test_only_verbs_of_a_run_can_be_asked_of_many(ana, put, kind):
    text = picked(ana, put("a"), kind=kind).content.decode()
    assert "only these can be requested: cancel, suspend, resume, retry" in text
    assert not Batch.objects.exists()


def test_a_batch_that_vanished_is_not_there(ana, put):
    picked(ana, put("a"))
    pk = Batch.objects.get().pk
    Batch.objects.all().delete()
    assert ana.get(f"/batches/{pk}/").status_code == 404
    assert ana.get(f"/batches/{10**30}/").status_code == 404
    for what in ("start", "stop", "retry"):
        assert ana.post(f"/batches/{pk}/{what}/").status_code == 404


def test_a_key_of_somebody_elses_form_is_refused(people, ana, eve, put, eves):
    run, key = put("a"), str(uuid.uuid4())
    picked(ana, run, key=key)
    Batch.objects.update(requested_by=people["eve"])
    text = picked(ana, run, key=key).content.decode()
    assert "another user" in text
    assert Batch.objects.count() == 1


@pytest.mark.parametrize(
    "query", ["state=nonsense", "after=x", "after=99999999999999999999999", "after=-1", "of=you",
              "before=x", "state=waiting&after=1e5"],
)  # fmt: skip
def test_pages_open_whatever_their_address_says(ana, put, query):
    picked(ana, put("a"))
    pk = Batch.objects.get().pk
    assert ana.get(f"/batches/{pk}/?{query}").status_code == 200
    begin(ana, Batch.objects.get())
    assert ana.get(f"/batches/{pk}/?{query}").status_code == 200
    assert ana.get(f"/batches/{pk}/changes/?{query}").status_code == 200
    assert ana.get(f"/batches/?{query}").status_code == 200


def test_stopping_a_batch_that_is_done_changes_nothing(ana, put):
    picked(ana, put("a"))
    batch = Batch.objects.get()
    begin(ana, batch)
    batch_runner.advance()
    Command.objects.update(state="confirmed")
    batch_runner.advance()
    ana.post(f"/batches/{batch.pk}/stop/")
    batch.refresh_from_db()
    assert (batch.state, batch.stopped_at) == ("done", None)


def test_previews_that_nobody_started_are_tidied_away(ana, put):
    from executions.storage import retention

    picked(ana, put("a"))
    Batch.objects.update(created_at=timezone.now() - timedelta(days=2))
    assert retention.delete_old_batches() == 1
    assert Execution.objects.count() == 1


# -------------------------------------------------------------------------------------- workers


def test_an_item_that_comes_to_its_turn_twice_is_still_one_command(ana, put):
    """As if a worker had died between the command and the note of it."""
    picked(ana, put("a"))
    begin(ana, Batch.objects.get())
    batch_runner.advance()
    BatchItem.objects.update(state="waiting", command=None)
    batch_runner.advance()
    assert Command.objects.count() == 1
    assert BatchItem.objects.get().command == Command.objects.get()


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_time_send_no_more_than_one_of_them_would(ana, many):
    matching(ana)
    begin(ana, Batch.objects.get(), number="25")

    def one_pass() -> None:
        batch_runner.advance()
        connection.close()

    workers = [Thread(target=one_pass) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert Command.objects.count() == batch_runner.PER_ACCOUNT


def test_no_account_and_no_batch_waits_for_the_thousands_of_another(people, ana, eve, many, eves):
    matching(ana)
    begin(ana, Batch.objects.get(), number="25")
    picked(eve, eves)
    begin(eve, Batch.objects.latest("pk"))
    batch_runner.advance()
    assert Command.objects.filter(execution=eves).count() == 1


def test_a_single_cancel_of_a_person_is_not_held_up_by_a_batch(ana, many):
    matching(ana)
    batch = Batch.objects.get()
    begin(ana, batch, number="25")
    batch_runner.advance()
    last = batch.items.filter(state="waiting").last().execution
    ana.post(f"/executions/{last.pk}/cancellation/", {"reason": "now"})
    assert Command.objects.get(execution=last).state == "pending"
    for _ in range(10):
        Command.objects.exclude(execution=last).update(state="confirmed")
        batch_runner.advance()
    item = batch.items.get(execution=last)
    assert (item.state, item.message) == ("skipped", "Already requested by ana.")
