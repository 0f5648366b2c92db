"""A log from a provider to the page: fetched as a worker does, read as a person does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from executions import tasks
from executions.models import Execution
from executions.polling import log_fetcher
from providers.models import ProviderAccount, open_account
from tests.pages import Page
from tests.providers.conftest import Server

pytestmark = pytest.mark.django_db(transaction=True)
RUN = "5b0f8f3e-7a1c-4d52-9f3c-0d7a1b2c3d4e"
BEGAN = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.stop()
    thread.join(5)


@pytest.fixture
def log_of(server, ana: User) -> Callable[..., Execution]:
    """`log_of("first", "second")`: a run whose log has these lines, read by a worker."""

    def fetched(*texts: str, **run: Any) -> Execution:
        account = ProviderAccount.objects.create(
            name="Engine", provider="prefect", settings={"base_url": f"{server.url}/api"}
        )
        account.set_credentials({"auth": "operator:planted-password"}, by="test")
        account.save()
        given = {
            "id": RUN, "name": "brave-otter", "flow_id": "f1", "deployment_id": None,
            "state_type": "RUNNING", "state_name": "Running", "tags": [], "run_count": 1,
            "start_time": BEGAN.isoformat(), "end_time": None, "parameters": {},
            "state": {"id": "s1", "type": "RUNNING", "name": "Running", "message": "",
                      "state_details": {}},
            **run,
        }  # fmt: skip
        lines = [
            {"id": f"01a200b0-5a5b-7e5a-8660-{number:012d}", "message": text, "level": 20,
             "timestamp": (BEGAN + timedelta(seconds=number)).isoformat(), "task_run_id": None}
            for number, text in enumerate(texts)
        ]  # fmt: skip
        for kind in ("flow_runs", "task_runs", "flows", "deployments"):
            server.on("POST", f"/api/{kind}/filter", {"body": []})
        server.on("GET", f"/api/flow_runs/{RUN}", {"body": given})
        server.on("POST", "/api/logs/filter", {"body": lines}, {"body": []})
        tasks.read_ref(account.pk, RUN)
        execution = Execution.objects.get()
        log_fetcher.fetch(execution, open_account(account))
        return execution

    return fetched


@pytest.fixture
def reader(ana: User) -> Client:
    client = Client()
    client.force_login(ana, "config.eager_user_backend.PeopleBackend")
    return client


def page_of(reader: Client, run: Execution, query: str = "?tab=log") -> Page:
    return Page(reader.get(f"/executions/{run.pk}/{query}"))


def numbers(page: Page) -> list[int]:
    return [int(each["data-line"]) for each in page.all("[data-line]")]


def words(page: Page) -> list[str]:
    """The text of each line, as a reader has it."""
    return [each.written for each in page.all("#log-lines code")]


def download(reader: Client, run: Execution, query: str = "") -> list[str]:
    answer = reader.get(f"/executions/{run.pk}/log.txt{query}")
    lines = b"".join(answer.streaming_content).decode().split("\n")  # type: ignore[attr-defined]
    return [line.rpartition("\t")[2] for line in lines if line]


def test_lines_are_numbered_from_one_and_counted_as_they_came(log_of, reader):
    run = log_of("first", "second", "third")
    page = page_of(reader, run)
    assert numbers(page) == [1, 2, 3]
    assert "3 lines" in page
    assert page.has("[data-log='3']")


def test_a_link_to_a_line_leads_to_that_line(log_of, reader):
    run = log_of(*(f"line {number}" for number in range(1, 8)))
    assert page_of(reader, run, "?line=5").one("li[aria-current]")["id"] == "line-5"
    assert download(reader, run, "?line=5") == ["line 5"]


def test_a_page_that_has_all_lines_gets_none_again(log_of, reader):
    run = log_of("first", "second", "third")
    asked = f"/executions/{run.pk}/changes/?stamp=old"
    assert numbers(Page(reader.get(f"{asked}&log=3"))) == []
    assert numbers(Page(reader.get(f"{asked}&log=2"))) == [3]


def test_an_open_page_gets_the_lines_of_a_run_whose_status_stands_still(log_of, reader, server):
    run = log_of("first")
    ProviderAccount.objects.update(health="ok")  # readers leave others alone
    reader.get(f"/executions/{run.pk}/")
    line = {
        "id": "01a200b0-5a5b-7e5a-8660-000000000001", "message": "second", "level": 20,
        "timestamp": (BEGAN + timedelta(seconds=1)).isoformat(), "task_run_id": None,
    }  # fmt: skip
    server.on("POST", "/api/logs/filter", {"body": [line]}, {"body": []})
    tasks.read_due(run.account_id)
    news = Page(reader.get(f"/executions/{run.pk}/changes/?stamp=old&log=1"))
    assert numbers(news) == [2]
    assert "second" in news
    run.refresh_from_db()
    assert run.status == "running"


def test_a_search_names_the_lines_that_it_finds(log_of, reader):
    run = log_of(*(f"row {number} done" for number in range(1, 10)))
    page = page_of(reader, run, "?log_q=row+5+done")
    assert numbers(page) == [3, 4, 5, 6, 7]


def test_a_progress_bar_shows_its_last_state(log_of, reader):
    bar = "\r".join(f"Download: {part:3d}%|{'#' * (part // 2)}" for part in range(101))
    run = log_of("begins", bar, "ends")
    shown = words(page_of(reader, run))
    assert shown == ["begins", f"Download: 100%|{'#' * 50}", "ends"]
    assert download(reader, run) == shown


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("Windows ends a line so\r\n", "Windows ends a line so"),
        ("10%\r20%\r\n", "20%"),
        ("10%\r100%\r\x1b[K", "100%"),
        ("|\b/\b-\b done", " done"),
        ("one\ntwo: 1%\rtwo: 2%\nthree", "one\ntwo: 2%\nthree"),
        ("\x1b[32m10%\x1b[0m\r\x1b[32m20%\x1b[0m", "20%"),
        ("a\x1b(Bb\x1b]8;;https://example.com\x07c\x1b]8;;\x07d\x1b7e\x1b", "abcde"),
        ("cut in a code \x1b[38;5", "cut in a code "),
        ("never ended \x1b]0;title and more", "never ended 0;title and more"),
    ],
)
def test_a_line_is_read_as_a_terminal_shows_it(written, seen, log_of, reader):
    run = log_of(written)
    assert [line.rstrip("\n") for line in words(page_of(reader, run))] == [seen]


def test_codes_of_a_terminal_are_in_no_text_of_a_run(log_of, reader):
    said = "\x1b[31mstep 1\rstep 2: \x1b[1mdisk full\x1b[0m"
    run = log_of(
        "begins",
        name="brave\x1b[1m-otter",
        state_type="FAILED",
        state_name="Failed",
        state={"id": "s1", "type": "FAILED", "name": "Failed", "message": said,
               "state_details": {}},
        parameters={"shell": "\x1b[1mls\x1b[0m"},
    )  # fmt: skip
    run.refresh_from_db()
    assert (run.name, run.error_summary) == ("brave-otter", "step 2: disk full")
    text = page_of(reader, run).source
    assert "\x1b" not in text
    assert "U+001B" not in text
    assert "step 1" not in text


def test_colours_within_a_secret_do_not_hide_it(log_of, reader):
    said = "signed in with planted-\x1b[1mpass\x1b[0mword"
    run = log_of(
        said,
        state_type="FAILED",
        state_name="Failed",
        state={"id": "s1", "type": "FAILED", "name": "Failed", "message": said,
               "state_details": {}},
    )  # fmt: skip
    page = page_of(reader, run)
    assert "planted-" not in page.source
    assert "signed in with" in words(page)[0]
    assert "planted" not in "".join(download(reader, run))
