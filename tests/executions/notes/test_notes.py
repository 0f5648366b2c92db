"""Notes on runs and workflows: who writes, who deletes, where they are seen."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from executions.models import AuditEntry, Note
from executions.search import pages as run_pages
from tests.pages import Page, RunList


@pytest.fixture
def run(put):
    return put("r1")


def write(client, run, text, **more):
    return client.post(f"/executions/{run.pk}/notes/", {"text": text, **more}, follow=True)


def test_a_note_stands_on_the_run_and_in_its_row(ana, vik, run):
    page = Page(write(ana, run, "Restarted by hand; <b>watch</b> the disk"))
    assert "Restarted by hand; <b>watch</b> the disk" in page
    assert "Restarted by hand; <b>watch</b> the disk" in RunList(vik.get("/")).runs[0]
    assert AuditEntry.objects.get(action="note written").actor == "ana"


def test_a_row_that_got_a_note_is_sent_to_open_pages(ana, vik, run):
    known = RunList(vik.get("/")).known
    write(ana, run, "Look here")
    news = Page(vik.get("/executions/changes/", {"rows": known}))
    assert f"#run-{run.pk}" in news.targets
    assert "Look here" in news


def test_an_open_run_page_gets_a_new_note(ana, vik, run):
    path = f"/executions/{run.pk}/"
    stamp = Page(vik.get(path)).stamp
    assert vik.get(f"{path}changes/", {"stamp": stamp}).status_code == 204
    write(ana, run, "Look here")
    assert "Look here" in vik.get(f"{path}changes/", {"stamp": stamp}).content.decode()


def test_only_a_pinned_note_of_a_workflow_stands_in_every_row_of_its_runs(ana, put, run):
    put("r2")
    path = f"/workflows/{run.workflow_id}/notes/"
    ana.post(path, {"text": "Quiet hint"})
    assert "Quiet hint" not in ana.get("/").content.decode()
    assert "Quiet hint" in ana.get("/workflows/").content.decode()
    assert "Quiet hint" in ana.get(f"/executions/{run.pk}/").content.decode()
    ana.post(path, {"text": "Frozen until Monday", "pinned": "1"})
    rows = RunList(ana.get("/")).runs
    assert ["Note of ana" in row for row in rows] == [True, True]
    write(ana, run, "My own")
    found = {row.ref: row.note_text for row in run_pages.load([run.pk, run.pk + 1])}
    assert found["r1"] == "My own"


def test_a_note_is_pinned_and_let_go(ana, run):
    write(ana, run, "First")
    write(ana, run, "Second")
    first = Note.objects.get(text="First")
    ana.post(f"/notes/{first.pk}/pin/", {"pinned": "1"})
    assert [note.text for note in run.notes.all()] == ["First", "Second"]
    ana.post(f"/notes/{first.pk}/pin/", {"pinned": "0"})
    assert [note.text for note in run.notes.all()] == ["Second", "First"]


def test_its_author_or_an_administrator_deletes_a_note(ana, run, people, sign_in):
    otto = User.objects.create_user("otto")
    otto.groups.set([Group.objects.get(name="operator"), Group.objects.get(name="east")])
    write(ana, run, "Mine")
    path = f"/notes/{Note.objects.get().pk}/deletion/"
    assert sign_in(otto).post(path).status_code == 403
    assert ana.post(path).status_code == 302
    assert not Note.objects.exists()
    told = AuditEntry.objects.get(action="note deleted")
    assert (told.actor, told.detail) == ("ana", {"text": "Mine"})
    write(ana, run, "Again mine")
    root = sign_in(User.objects.create_superuser("root"))
    assert root.post(f"/notes/{Note.objects.get().pk}/deletion/").status_code == 302


def test_viewers_read_and_strangers_see_nothing(ana, vik, eve, run):
    write(ana, run, "For the team")
    assert "For the team" in vik.get(f"/executions/{run.pk}/").content.decode()
    assert 'name="text"' not in vik.get(f"/executions/{run.pk}/").content.decode()
    assert write(vik, run, "No").status_code == 403
    assert write(eve, run, "No").status_code == 404
    note = Note.objects.get()
    for path in (f"/notes/{note.pk}/deletion/", f"/notes/{note.pk}/pin/"):
        assert (vik.post(path).status_code, eve.post(path).status_code) == (403, 404)
    assert eve.post(f"/workflows/{run.workflow_id}/notes/", {"text": "x"}).status_code == 404


@pytest.mark.parametrize("text", ["", "  \r\n ", "x" * 1001], ids=["empty", "blank", "too long"])
def test_what_is_no_note_is_refused_with_a_sentence(ana, run, text):
    assert "message error" in write(ana, run, text).content.decode()
    assert not Note.objects.exists()


def test_a_note_with_a_zero_byte_is_kept_without_it(ana, run):
    write(ana, run, "a\0b")
    assert Note.objects.get().text == "ab"


def test_a_note_has_one_place(account, run, people):
    for place in ({}, {"execution": run, "workflow": run.workflow}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Note.objects.create(account=account, text=str(uuid4()), **place)
