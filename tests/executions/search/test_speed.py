"""What can be counted of speed: statements, rows written, queries, pages without OFFSET.

Times are measured by `python -m benchmarks`; counts hold on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks import bare_provider_server, lists, polling
from benchmarks.population import populate
from executions.models import Execution, Preference, Transition
from executions.search import pages as run_pages
from executions.search.cursor import Cursor
from executions.search.filters import Filters
from executions.search.merged_scans import finding_sql

ROWS = 8_000
Asked = tuple[int, list[str]]  # rows shown, queries


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with bare_provider_server.running() as address:
        yield address


@pytest.fixture(scope="module")
def population(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """8,000 runs for every test of this module that reads; gone afterwards."""
    with django_db_blocker.unblock():
        populate(ROWS)
        yield
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE providers_provideraccount CASCADE")
        User.objects.filter(username__in=("admin", "vik")).delete()
        Group.objects.filter(name="another team").delete()


@pytest.fixture
def ask(population: None, db: None) -> Callable[[str, str], Asked]:
    """Get a list page as somebody: how many rows it shows, and the SQL it took."""

    def asked(user: str, query: str) -> Asked:
        client = Client(headers={"host": "localhost"})
        person = User.objects.get(username=user)
        Preference.objects.update_or_create(user=person, defaults={"has_seen_guide": True})
        client.force_login(person, "config.eager_user_backend.PeopleBackend")
        with CaptureQueriesContext(connection) as queries:
            page = client.get(f"/?{query}")
        assert page.status_code == 200
        return page.content.count(b"data-row="), [each["sql"] for each in queries]

    return asked


# ------------------------------------------------------------------------------------- polling


@pytest.fixture
def unchanged(server: str, transactional_db: None, settings: Any) -> int:
    """An account whose 1,000 runs were stored by its first poll and never change."""
    account = polling.make_account(server, "still-1000", 0)
    polling.poll(account.pk)
    assert Execution.objects.filter(account=account).count() == 1000
    return int(account.pk)


def test_a_poll_of_a_thousand_unchanged_runs_writes_no_row_in_at_most_six_statements(unchanged):
    cost = polling.cost_of_poll(unchanged)
    assert cost.statements <= 6
    assert cost.tuples == 0
    assert Transition.objects.count() == 1000  # the first sighting of each, no more


def test_a_poll_of_a_thousand_unchanged_runs_logs_no_more_than_its_own_bookkeeping(unchanged):
    polling.poll(unchanged)  # what the first reader of fresh rows leaves (hint bits) is over
    least = min(  # a vacuum of its own may come in between
        polling.cost_of_poll(unchanged).wal for _ in range(3)
    )
    assert least < 20_000  # bytes; 20 per run


# --------------------------------------------------------------------------------------- lists


@pytest.mark.parametrize("user", ["vik", pytest.param("admin", marks=pytest.mark.long)])
@pytest.mark.parametrize("query", lists.FILTERS.values(), ids=lists.FILTERS)
def test_a_list_page_takes_at_most_eight_queries_whatever_the_filter(ask, user, query):
    _, queries = ask(user, query)
    assert len(queries) <= 8, queries


def test_no_list_page_skips_rows_by_counting_them(ask):
    deep = str(Cursor(datetime.now(UTC), 0))
    for query in ("", f"before={deep}", "account=1&account=2", "lamp=failed"):
        _, queries = ask("vik", query)
        assert not [sql for sql in queries if "OFFSET" in sql.upper()]


def test_pages_lead_through_the_whole_list_in_order_without_gap_or_repetition(population, db):
    seen: list[int] = []
    page = run_pages.page(Filters(accounts={}, sees_all=True), limit=1000)
    while True:
        seen += [row.pk for row in page.rows]
        if page.older is None:
            break
        page = run_pages.page(Filters(accounts={}, sees_all=True), page.older, limit=1000)
    newest_first = Execution.objects.order_by("-sort_at", "-pk")
    assert seen == list(newest_first.values_list("pk", flat=True))


def test_a_page_far_down_reads_no_more_of_the_table_than_the_first(population, db):
    half_way = Cursor.of(Execution.objects.order_by("-sort_at", "-pk")[ROWS // 2])
    first, deep = blocks(None), blocks(half_way)
    assert deep <= first + 20


def blocks(cursor: Cursor | None) -> int:
    """Blocks that Postgres touches to find a page."""
    sql, params = finding_sql(
        Filters(accounts={}, sees_all=True), cursor, is_newer=False, limit=run_pages.PAGE
    )
    with connection.cursor() as db:
        db.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
        plan = db.fetchone()[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
