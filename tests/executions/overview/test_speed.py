"""What can be counted of the overview's speed: queries, and that charts do not read the runs.

Times are measured by `python -m benchmarks overview`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks import overview
from benchmarks.population import populate
from executions.models import WorkflowTally

ROWS = 10_000
Asked = tuple[str, list[str]]  # the page, its queries


@pytest.fixture(scope="module")
def population(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """10,000 runs, 10 days, for every test of this module; gone afterwards."""
    with django_db_blocker.unblock():
        populate(ROWS)
        yield
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE providers_provideraccount CASCADE")
        User.objects.filter(username__in=("admin", "vik")).delete()
        Group.objects.filter(name="another team").delete()


@pytest.fixture
def ask(population: None, db: None) -> Callable[[str, str], Asked]:
    def asked(user: str, path: str) -> Asked:
        client = Client(headers={"host": "localhost"})
        person = User.objects.get(username=user)
        client.force_login(person, "config.eager_user_backend.PeopleBackend")
        with CaptureQueriesContext(connection) as queries:
            page = client.get(path)
        assert page.status_code == 200
        return page.content.decode(), [each["sql"] for each in queries]

    return asked


@pytest.mark.parametrize("user", ["admin", "vik"])
@pytest.mark.parametrize("words", overview.FILTERS.values(), ids=overview.FILTERS)
def test_the_overview_takes_at_most_twelve_queries_whatever_the_filter(ask, user, words):
    _, queries = ask(user, overview.address(words))
    assert len(queries) <= overview.MOST_QUERIES, queries


def test_news_of_the_wall_alone_take_at_most_nine_queries(ask):
    """The charts' token stands for half a minute; of two neighbours one is the present one."""
    now = int(time.time()) // 30
    counted = [ask("vik", f"/overview/changes/?tiles=1.2.3&top={top}")[1] for top in (now, now + 1)]
    assert min(len(each) for each in counted) <= 9


def test_charts_read_the_roll_up_and_of_runs_only_those_that_are_open_newest_or_asked(ask):
    for words in ("finished=30d", "finished=30d&workflow=1"):
        _, queries = ask("admin", f"/overview/?{words}")
        readers = [sql for sql in queries if "executions_execution" in sql]
        assert len(readers) == 3
        for sql in readers:
            few = ("x.status = ANY", "q.closed_at >=", "ORDER BY sort_at DESC, id DESC LIMIT")
            assert any(words in sql for words in few)


def test_the_roll_up_is_no_longer_than_what_happened(population, db):
    assert 0 < WorkflowTally.objects.count() <= ROWS
