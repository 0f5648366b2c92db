"""What may be an address, how it is shown, and what the process that sends may reach."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from executions.notifications import address_rules, apprise_sending
from executions.notifications.address_rules import AddressRefused, read_address
from executions.notifications.apprise_sending import Message

HERE = ["127.0.0.0/8:*"]
WORDS = Message("A title", "A body")


@pytest.fixture
def hook() -> Iterator[Any]:
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got = got  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "syslog://localhost",
        "dbus://",
        "gnome://",
        "windows://",
        "macosx://",
        "smpp://user:pass@127.0.0.1/1/2",
        "mqtt://127.0.0.1/topic",
        "apprise://127.0.0.1/key",
        "https://example.com/hook",
        "json://",
        "json:///",
        "jsons://example.com:99999/x",
        "jsons://example.com/a b",
        "jsons://example.com/\nx",
        "",
    ],
)
def test_only_listed_services_are_addresses(url):
    with pytest.raises(AddressRefused):
        read_address(url)


@pytest.mark.parametrize(
    "option",
    [
        "verify=no", "redirect=yes", "template=/etc/passwd", "attach=file:///etc/passwd",
        "pgp=yes", "pgpprv=/etc/passwd", "retry=5", "rto=900", "Verify=no", "%76erify=no",
        "VERIFY=no", "store=yes",
    ],
)  # fmt: skip
def test_options_that_read_files_or_weaken_the_sending_are_refused(option):
    with pytest.raises(AddressRefused, match="is not allowed"):
        read_address(f"jsons://example.com/hook?{option}")


def test_a_refusal_does_not_repeat_the_address():
    for url in ("nope://secret-word", "jsons://secret-word.example/?verify=secret-word"):
        with pytest.raises(AddressRefused) as refused:
            read_address(url)
        assert "secret-word" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("jsons://user:secret@hooks.example.com/secret?+X=secret", "jsons://hooks.example.com"),
        ("mailtos://user:secret@example.com?to=secret@example.com", "mailtos://example.com"),
        ("slack://TSECRET/BSECRET/SECRET/#secret", "slack://…"),
        ("ntfys://secret-topic", "ntfys://…"),
        ("tgram://123:SECRET/42", "tgram://…"),
        ("discord://4174216298/SECRET", "discord://…"),
    ],
)
def test_only_a_server_of_ones_own_is_shown(url, shown):
    address = read_address(url)
    assert address.shown == shown
    assert "secret" not in repr(address).lower()


def test_a_message_is_handed_over(hook):
    address = read_address(f"json://127.0.0.1:{hook.server_port}/x")
    assert apprise_sending.send(address, WORDS, HERE).is_sent
    assert "A title" in hook.got[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254"])
def test_private_addresses_are_refused_before_anything_is_connected(hook, host):
    address = read_address(f"json://{host}:{hook.server_port}/x")
    for outcome in (apprise_sending.check(address, []), apprise_sending.send(address, WORDS, [])):
        assert outcome.state == "refused"
        assert "may not be reached" in outcome.says
    assert hook.got == []


def test_the_server_that_an_option_names_is_checked_too():
    mail = read_address("mailto://example.com?from=a@b.example&to=c@d.example&smtp=127.0.0.1")
    assert apprise_sending.check(mail, []).state == "refused"


def test_ports_of_other_services_are_refused():
    assert apprise_sending.check(read_address("json://127.0.0.1:6379/x"), HERE).state == "refused"


def test_an_address_that_its_service_does_not_understand_is_refused():
    outcome = apprise_sending.check(read_address("slack://short"), HERE)
    assert outcome.state == "refused"
    assert "not understood" in outcome.says


def test_nothing_is_sent_without_a_go(hook):
    address = read_address(f"json://127.0.0.1:{hook.server_port}/x")
    outcome = apprise_sending.send(address, WORDS, HERE, may_go=lambda: False)
    assert outcome.state == "failed"
    assert hook.got == []


def test_proxies_of_the_environment_are_not_asked(hook, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    address = read_address(f"json://127.0.0.1:{hook.server_port}/x")
    assert apprise_sending.send(address, WORDS, HERE).is_sent


TRIES = {
    "read": "open('/etc/hostname')",
    "write": "open('/tmp/planted', 'w')",
    "program": "__import__('subprocess').run(['true'])",
    "shell": "__import__('os').system('true')",
    "program of this machine": "socket.socket(socket.AF_UNIX).connect('/tmp/x')",
    "private address": "socket.create_connection(('127.0.0.1', PORT), 2)",
    "connect_ex": "socket.socket().connect_ex(('127.0.0.1', PORT))",
    "metadata": "socket.create_connection(('169.254.169.254', 80), 2)",
    "listen": "socket.socket().bind(('127.0.0.1', 0))",
    "datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
}
SCRIPT = """
import socket
from executions.notifications.apprise_process import _Door
from providers.address_policy import Policy, Refused
door = _Door(Policy(), True)
door.watch()
try:
    {attempt}
except Refused:
    print("refused")
"""


@pytest.mark.parametrize("attempt", TRIES.values(), ids=TRIES)
def test_the_process_that_sends_cannot(attempt, hook, root):
    """Whatever an address should get a plugin to do: the whole process is behind one door."""
    script = SCRIPT.format(attempt=attempt.replace("PORT", str(hook.server_port)))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.strip() == "refused", done.stderr


def test_a_silent_service_is_left_when_the_time_is_over(hook, monkeypatch):
    monkeypatch.setattr(apprise_sending, "SECONDS", 2.0)
    gate = threading.Event()
    monkeypatch.setattr(hook.RequestHandlerClass, "do_POST", lambda self: gate.wait(20))
    address = read_address(f"json://127.0.0.1:{hook.server_port}/x")
    outcome = apprise_sending.send(address, WORDS, HERE)
    gate.set()
    assert outcome.state == "unknown"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_listed_service_is_one_that_apprise_knows():
    from apprise import Apprise

    known = {
        scheme
        for plugin in Apprise().details()["schemas"]
        for scheme in (*(plugin["protocols"] or ()), *(plugin["secure_protocols"] or ()))
    }
    assert set(address_rules.SERVICES) <= known


def test_mail_may_use_the_port_of_mail_and_nothing_else_may():
    mail = "mailto://127.0.0.1:25/?from=a@b.example&to=c@d.example"
    assert apprise_sending.check(read_address(mail), HERE).is_sent
    assert apprise_sending.check(read_address("json://127.0.0.1:25/x"), HERE).state == "refused"
