"""One business key through three providers, as its page, list filter and links show it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone

from executions.correlation import key_queries
from executions.models import AuditEntry, CorrelationRule, Execution, KeySearch, RunKey
from executions.storage import key_backfill, key_rules
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status
from providers.models import ProviderAccount
from tests.pages import Page, Part

pytestmark = pytest.mark.django_db
PATH = (  # account, provider, source, path, pattern
    ("Order desk", "smartflows", "input", "$.order.id", ""),
    ("Warehouse", "generio", "name", "", r"(ORD-\d+)"),
    ("Payments", "flow8", "output", "", r"(ORD-\d+)"),
)


@pytest.fixture
def accounts(people: dict[str, User]) -> dict[str, ProviderAccount]:
    east = Group.objects.get(name="east")
    found = {}
    for name, provider, source, path, pattern in PATH:
        found[name] = ProviderAccount.objects.create(
            name=name, provider=provider, group=east, health="ok", last_success_at=timezone.now()
        )
        CorrelationRule.objects.create(
            account=found[name], name="order number", source=source, path=path, pattern=pattern
        )
    return found


@pytest.fixture
def run(accounts: dict[str, ProviderAccount]) -> Any:
    def stored(account: str, ref: str, status: Status, begin: int, end: int, **more: Any) -> int:
        now = timezone.now()
        given: dict[str, Any] = {
            "native_status": "x",
            "started_at": now - timedelta(minutes=begin),
            "finished_at": now - timedelta(minutes=end) if status.is_final else None,
            "steps": (),
            "questions": (),
            "outputs": (),
            **more,
        }
        pk, workflow = accounts[account].pk, contract.Workflow(ref=account, name=f"{account} flow")
        snapshot = Snapshot(ref=ref, workflow=workflow, status=status, **given)
        store(pk, given.get("seq", 1), [snapshot], rules=key_rules.rules_of(pk))
        return Execution.objects.get(ref=ref).pk

    return stored


@pytest.fixture
def path(run: Any) -> list[int]:
    """Order ORD-17 on its way: taken in, failed at the payment, waiting in the warehouse."""
    asked = contract.Question(ref="q", kind="approval", title="Replace the item?")
    return [
        run("Order desk", "o", Status.SUCCEEDED, 90, 80, input={"order": {"id": "ORD-17"}}),
        run("Payments", "p", Status.FAILED, 60, 50, output={"n": "ORD-17"}, error="Card declined"),
        run("Warehouse", "w", Status.USER_INPUT, 30, 0, name="Pick ORD-17", questions=(asked,)),
    ]


def page(client: Any, address: str) -> Page:
    response = client.get(address)
    assert response.status_code == 200
    return Page(response)


def bars(shown: Page) -> list[Part]:
    """The runs on the time line."""
    return shown.all("svg a[href^='/executions/']")


def test_the_whole_path_through_three_providers_is_on_one_time_line(ana, path):
    text = page(ana, "/keys/ORD-17")
    drawn = bars(text)
    assert [each["href"] for each in drawn] == [f"/executions/{pk}/" for pk in path]  # as started
    assert [each["aria-label"] for each in drawn] == [
        "Succeeded: Order desk flow, Order desk",
        "Failed: Payments flow, Payments",
        "Needs you: Warehouse flow, Warehouse",
    ]
    places = [each.one("rect") for each in drawn]
    lefts, widths = ([float(each[key].rstrip("%")) for each in places] for key in ("x", "width"))
    assert lefts == pytest.approx([0, 33.3, 66.7], abs=0.5)
    assert lefts[2] + widths[2] == pytest.approx(100, abs=0.1)  # until now
    assert "all times in UTC" in text
    assert "Generio, Smart Flows, flow8" in text


def test_the_table_behind_it_tells_errors_and_what_waits_for_a_person(ana, vik, path):
    text = page(ana, "/keys/ORD-17")
    assert "Card declined" in text
    assert "Replace the item?" in text
    assert text.links("/questions/")
    assert not page(vik, "/keys/ORD-17").links("/questions/")


def test_however_a_key_is_written_it_is_the_same_key(ana, run, path):
    run("Order desk", "again", Status.SUCCEEDED, 5, 4, input={"order": {"id": "ord-17 "}})
    assert len(bars(page(ana, "/keys/ord-17"))) == 4


def test_runs_that_one_may_not_see_are_neither_shown_nor_counted(ana, eve, path, accounts):
    accounts["Payments"].group = Group.objects.get(name="west")
    accounts["Payments"].save()
    assert len(bars(page(ana, "/keys/ORD-17"))) == 2
    assert len(bars(page(eve, "/keys/ORD-17"))) == 1
    accounts["Payments"].group = Group.objects.get(name="east")
    accounts["Payments"].save()
    assert "No run that you may see carries" in page(eve, "/keys/ORD-17")
    assert "ORD-17" not in page(eve, "/keys/")
    assert "No run carries this key" in page(eve, "/keys/?q=ORD-17")


def test_a_key_is_found_whole_by_its_beginning_or_among_the_newest(ana, path):
    assert ana.get("/keys/?q=ord-17")["Location"] == "/keys/ord-17"
    for query in ("?q=ord", ""):
        assert page(ana, f"/keys/{query}").links("/keys/ord-17")
    assert "No run carries this key" in page(ana, "/keys/?q=zebra")


def test_a_key_counts_all_its_runs_however_many_runs_are_newer(ana, run, path, monkeypatch):
    monkeypatch.setattr(key_queries, "NEWEST", 1)
    (row,) = page(ana, "/keys/").all("tbody tr")
    number = int(row.all("td.num")[0].text)
    assert number == len(bars(page(ana, row.one("a")["href"]))) > 1


def test_keys_of_any_shape_have_a_page(ana, run):
    for n, text in enumerate(("A/17", "50 % off?", "#9&x=1", "Ünïcode 7")):
        run("Order desk", f"k{n}", Status.SUCCEEDED, 9, 8, input={"order": {"id": text}})
        address = ana.get("/keys/", {"q": text})["Location"]
        assert bars(page(ana, address))


def test_the_list_can_be_filtered_by_key(ana, path):
    def refs(query: str) -> list[str]:
        rows = page(ana, f"/?{query}").all("[data-row]")
        ids = [each["data-row"].partition(":")[0] for each in rows]
        return sorted(Execution.objects.filter(pk__in=ids).values_list("ref", flat=True))

    assert refs("key=ORD-17") == ["o", "p", "w"]
    assert refs("key=ORD-17&lamp=failed") == ["p"]
    assert refs("key=ORD-17&provider=generio") == ["w"]
    assert refs("key=ORD-99") == []
    assert refs("not_key=ORD-17") == []
    text = page(ana, "/?key=ORD-17&key=---")
    assert "“---” is not a business key." in text
    assert "key ORD-17" in text.chips


def test_the_page_of_a_run_links_to_its_keys(ana, path):
    assert page(ana, f"/executions/{path[0]}/").links("/keys/ord-17")


def test_a_key_leads_to_where_it_is_at_home_by_the_rules_of_accounts_one_may_see(
    ana, eve, run, path, accounts
):
    CorrelationRule.objects.filter(account=accounts["Payments"]).update(
        link="https://erp.example.com/orders?no={key}"
    )
    outside = "https://erp.example.com/orders?no=ORD-17"
    assert page(ana, "/keys/ORD-17").links(outside)
    assert "Open at erp.example.com" in page(ana, "/keys/ORD-17")
    assert page(ana, f"/executions/{path[1]}/").links(outside)
    assert not page(ana, f"/executions/{path[0]}/").links(outside)  # its account has no such link
    assert "erp.example.com" not in page(eve, "/keys/ORD-17")
    run("Payments", "odd", Status.SUCCEEDED, 3, 2, output={"n": "ORD-18"})
    RunKey.objects.filter(execution__ref="odd").update(value="a/b", text="a/../b?x=1&y#z")
    odd = "https://erp.example.com/orders?no=a%2F..%2Fb%3Fx%3D1%26y%23z"
    assert odd in [href for href, _ in page(ana, "/keys/a%2Fb").links()]


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("https://erp.example.com/orders/{key}", ""),
        ("http://10.0.0.7:8080/?q={key}&of={key}", ""),
        ("javascript:alert({key})", "Write it as https://"),
        ("//erp.example.com/{key}", "Write it as https://"),
        ("https://user@erp.example.com/{key}", "Write it as https://"),
        ("https://{key}.example.com/", "not in it"),
        ("https://erp.example.com/orders", "where the key goes"),
        ("https://erp.example.com/a b/{key}", "a space"),
        ("https://[erp/{key}", "not an address"),
    ],
)
def test_a_link_is_an_address_with_a_place_for_the_key(admin, accounts, link, said):
    given = form(accounts["Order desk"], link=link)
    answer = admin.post("/admin/executions/correlationrule/add/", given)
    assert answer.status_code == (200 if said else 302)
    assert said in answer.content.decode()


def test_an_open_page_is_told_of_the_next_step_and_else_nothing(ana, run, path):
    stamp = page(ana, "/keys/ORD-17").stamp
    asked = f"/keys/changes/?value=ord-17&stamp={stamp}"
    assert ana.get(asked).status_code == 204
    run("Payments", "p2", Status.SUCCEEDED, 2, 1, output={"n": "ORD-17"})
    answer = page(ana, asked)
    assert "#trace" in answer.targets
    assert len(bars(answer)) == 4


def test_provider_text_on_the_time_line_is_text(ana, run):
    run("Warehouse", "x", Status.FAILED, 9, 8, name="ORD-1 <b>bold</b>\u202e", error="<script>")
    text = page(ana, "/keys/ORD-1")
    assert "<b>bold" not in text.source
    assert "<script>" not in text.source
    assert "⟨U+202E⟩" in text


def test_a_key_that_too_many_runs_carry_says_so(ana, run, monkeypatch):
    monkeypatch.setattr("executions.correlation.key_queries.MOST", 3)
    for n in range(5):
        run("Warehouse", f"r{n}", Status.SUCCEEDED, 9 - n, 1, name="ORD-1")
    text = page(ana, "/keys/ORD-1")
    assert len(bars(text)) == 3
    assert "A key rule may match too much." in text


# --------------------------------------------------------------------------- rules of accounts


@pytest.fixture
def admin(sign_in: Any, db: None) -> Any:
    return sign_in(User.objects.create_superuser("root"))


def form(account: ProviderAccount, **more: str) -> dict[str, str]:
    given = {"account": str(account.pk), "name": "order number", "source": "name", "path": ""}
    return {**given, "pattern": r"PO-(\d+)", "days": "7", **more}


def test_a_rule_is_tried_on_the_newest_runs_before_it_is_saved(admin, accounts, run):
    run("Order desk", "a", Status.SUCCEEDED, 9, 8, name="Intake PO-4711")
    run("Order desk", "b", Status.SUCCEEDED, 7, 6, name="Nothing")
    address = "/admin/executions/correlationrule/trial/"
    text = Page(admin.post(address, form(accounts["Order desk"])))
    assert "It finds a key in 1 of the newest 2 runs." in text
    assert text.has("td", "4711")
    assert CorrelationRule.objects.count() == 3
    text = admin.post(address, form(accounts["Order desk"], pattern="((")).content.decode()
    assert "This is not a valid RE2 pattern" in text


def test_a_saved_rule_is_audited_and_looks_through_stored_runs(admin, accounts, run):
    run("Order desk", "a", Status.SUCCEEDED, 9, 8, name="Intake PO-4711")
    answer = admin.post("/admin/executions/correlationrule/add/", form(accounts["Order desk"]))
    assert answer.status_code == 302
    assert AuditEntry.objects.get(action="key_rule.added").account_name == "Order desk"
    key_backfill.carry_on(accounts["Order desk"].pk)
    assert RunKey.objects.get(execution__ref="a").text == "4711"


def test_a_changed_rule_is_audited_as_one_for_keys(admin, accounts):
    rule = CorrelationRule.objects.get(account=accounts["Payments"])
    address = f"/admin/executions/correlationrule/{rule.pk}/change/"
    assert admin.post(address, form(accounts["Payments"])).status_code == 302
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.account_name) == ("key_rule.changed", "Payments")


def test_a_deleted_rule_takes_its_keys_along(admin, accounts, path):
    rule = CorrelationRule.objects.get(account=accounts["Payments"])
    admin.post(f"/admin/executions/correlationrule/{rule.pk}/delete/", {"post": "yes"})
    assert AuditEntry.objects.filter(action="key_rule.deleted").exists()
    key_backfill.carry_on(accounts["Payments"].pk)
    assert not RunKey.objects.filter(account=accounts["Payments"]).exists()


def test_only_administrators_change_and_try_rules(ana, people, accounts):
    for address in ("add/", "trial/"):
        answer = ana.post(
            f"/admin/executions/correlationrule/{address}", form(accounts["Payments"])
        )
        assert answer.status_code == 302
        assert answer["Location"].startswith("/admin/login/")
    people["ana"].is_staff = True  # lets her into the admin, and makes her no administrator
    people["ana"].save()
    for address in ("add/", "trial/"):
        answer = ana.post(
            f"/admin/executions/correlationrule/{address}", form(accounts["Payments"])
        )
        assert answer.status_code == 403
    assert CorrelationRule.objects.count() == 3


def test_the_page_of_an_account_tells_its_rules_and_what_is_wrong(ana, accounts, run):
    CorrelationRule.objects.filter(account=accounts["Payments"]).update(pattern="((", path="$.n")
    run("Payments", "p", Status.SUCCEEDED, 9, 8, output={"n": "ORD-17"})
    rules = key_rules.rules_of(accounts["Payments"].pk)
    key_backfill.found_in(rules, Execution.objects.select_related("detail").get(ref="p"))
    key_rules.report(rules)
    key_backfill.ask(accounts["Payments"], 7, None)
    text = page(ana, f"/accounts/{accounts['Payments'].pk}/")
    assert "Needs a look" in text
    assert "This is not a valid RE2 pattern" in text
    assert "are being looked through" in text
    key_backfill.carry_on(accounts["Payments"].pk)
    assert KeySearch.objects.get().finished_at
    assert "were looked through" in page(ana, f"/accounts/{accounts['Payments'].pk}/")
