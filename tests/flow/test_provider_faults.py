"""What a provider answers, and how: every fault of the matrix on the way of a poll, over real
sockets. What holds for all of them stands in `trouble`."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import time
import zlib
from typing import Any

import pytest
from django.utils import timezone

from executions import tasks
from executions.models import Execution, Quarantine
from executions.polling import schedule
from providers.address_policy import Policy
from providers.contract import Unreachable
from providers.http import Http
from providers.models import ProviderAccount
from tests import faults
from tests.flow.test_polling_faults import later
from tests.flow.trouble import (
    SECRETS,
    Asked,
    Fault,
    Trouble,
    answer,
    flow,
    running,
    sends,
)

LOOPBACK = Policy.from_cidrs(["127.0.0.0/8:*"])
ECHO = {"message": f"you sent {' '.join(SECRETS)}"}
ROWS = [flow(ref) for ref in "abc"]
WHOLE = answer({"flows": ROWS})
SHUT = struct.pack("ii", 1, 0)


def hangs(sock: socket.socket, asked: Asked) -> None:
    sock.settimeout(20)
    sock.recv(1)  # until the other side gives up


def resets(sock: socket.socket, asked: Asked) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, SHUT)
    sock.close()


def drips(content: bytes) -> Fault:
    def fault(sock: socket.socket, asked: Asked) -> None:
        sock.settimeout(0.1)
        for place in range(len(content)):
            sock.sendall(content[place : place + 1])
            try:
                if not sock.recv(1):
                    return
            except TimeoutError:
                continue

    return fault


def streams(head: bytes, piece: bytes, times: int) -> Fault:
    def fault(sock: socket.socket, asked: Asked) -> None:
        sock.sendall(head)
        for _ in range(times):
            sock.sendall(piece)

    return fault


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return head + b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces) + end


def packed(content: bytes, coding: str = "gzip") -> bytes:
    return answer(content, Content_Encoding=coding)


def bomb() -> bytes:
    """100 MiB of spaces in a list, as 100 kB."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(b'{"flows": [')]
    parts += [packer.compress(b" " * 2**20) for _ in range(100)]
    return b"".join([*parts, packer.compress(b"]}"), packer.flush()])


BODY = json.dumps({"flows": ROWS}).encode()
CUT = WHOLE[: len(WHOLE) - 40]
LONG = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: 900\r\n\r\n"
TWO_LENGTHS = b"Content-Length: 5\r\n" + LENGTH
UNTIL_CLOSED = b"Connection: close\r\n\r\n"
BLANK = b" " * 65536
NESTED = b'{"flows":' * 50_000 + b"1" + b"}" * 50_000


REFUSED = {"health": "auth"}
POLLED = [
    faults.case("H1", sends(answer(ECHO, 401)), "answered 401", REFUSED, name="401"),
    faults.case("H2", sends(answer(ECHO, 403)), "answered 403", REFUSED, name="403"),
    faults.case("H3", sends(answer(ECHO, 404)), "answered 404", {}, name="404"),
    faults.case("H6", sends(answer(ECHO, 429, Retry_After="120")), "answered 429", {}, name="429"),
    faults.case("H9", sends(answer(ECHO, 500)), "answered 500", {}, name="500"),
    faults.case(
        "H9", sends(answer("<html>Bad gateway</html>", 502)), "answered 502", {}, name="502"
    ),
    faults.case("H9", sends(answer(b"", 504)), "answered 504", {}, name="504"),
    faults.case("H11", sends(answer(ECHO, 503, Retry_After="120")), "answered 503", {}, name="503"),
    faults.case(
        "H12",
        sends(answer("<!doctype html><title>Sign in</title>", Content_Type="text/html")),
        "a web page, not data",
        {},
        name="sign-in page",
    ),
    faults.case(
        "H12", sends(answer("<html></html>")), "a web page, not data", {}, name="page called data"
    ),
    faults.case("H13", sends(answer({})), "sent no list", {}, name="an empty object"),
    faults.case("H13", sends(answer({"total": 0})), "sent no list", {}, name="no list"),
    faults.case("H13", sends(answer({"flows": None})), "sent no list", {}, name="null for a list"),
    faults.case(
        "H14",
        sends(answer(b"", 204, Content_Length="", Content_Type="")),
        "an empty body",
        {},
        name="204",
    ),
    faults.case("H14", sends(answer({"flows": []}, 206)), "answered 206", {}, name="206"),
    faults.case("H14", sends(answer(b"", 304)), "redirected", {}, name="304"),
    faults.case("H14", sends(b"HTTP/1.1 102 Processing\r\n\r\n"), "", {}, name="102 alone"),
    faults.case(
        "H17",
        sends(LONG + b"X-Long: " + b"x" * 70_000 + b"\r\n\r\n{}"),
        "",
        {},
        name="header of 70 kB",
    ),
    faults.case(
        "H17",
        sends(LONG + b"".join(b"X-%d: x\r\n" % n for n in range(200)) + b"\r\n{}"),
        "",
        {},
        name="200 headers",
    ),
    faults.case("H17", sends(chunked(BODY, end=b"zz\r\n\r\n")), "", {}, name="no chunk"),
    faults.case("H17", sends(LONG + TWO_LENGTHS + BODY), "", {}, name="two lengths"),
    faults.case("H17", sends(b"220 mail.example.com ESMTP\r\n"), "", {}, name="no HTTP at all"),
    faults.case("N1", resets, "broke the connection", {}, name="reset"),
    faults.case("N3", hangs, "did not answer in time", {}, name="silence"),
    faults.case(
        "N4", drips(WHOLE[:60] + b"X: x\r\n" * 200), "too slow", {}, name="drip in headers"
    ),
    faults.case("N4", drips(LONG + LENGTH + b" " * 200), "too slow", {}, name="drip in the body"),
    faults.case("N6", sends(CUT), "broke off", {}, name="cut, with a length"),
    faults.case("N6", sends(chunked(BODY[:50], end=b"")), "", {}, name="cut, in chunks"),
    faults.case(
        "N6",
        sends(LONG + UNTIL_CLOSED + BODY[:-40]),
        "not valid JSON",
        {},
        name="cut, until closed",
    ),
    faults.case(
        "B1",
        streams(LONG + b"Content-Length: 104857600\r\n\r\n[", BLANK, 1600),
        "sent more than 5 MiB",
        {},
        name="100 MiB",
    ),
    faults.case(
        "B1",
        streams(LONG + UNTIL_CLOSED + b"[", BLANK, 1600),
        "sent more than 5 MiB",
        {},
        name="100 MiB, no length",
    ),
    faults.case("B2", sends(packed(bomb())), "sent more than 5 MiB", {}, name="gzip bomb"),
    faults.case(
        "B2",
        sends(packed(gzip.compress(gzip.compress(BODY)))),
        "not valid JSON",
        {},
        name="packed twice",
    ),
    faults.case(
        "B2",
        sends(packed(zlib.compress(BODY), "deflate")),
        "compression that was not requested",
        {},
        name="deflate",
    ),
    faults.case(
        "B2", sends(packed(BODY, "br")), "compression that was not requested", {}, name="brotli"
    ),
    faults.case("B2", sends(packed(b"no gzip at all")), "", {}, name="no gzip"),
    faults.case("B3", sends(answer(NESTED)), "sent no list", {}, name="objects in objects"),
    faults.case("B5", sends(answer(b"9" * 5_000)), "", {}, name="5,000 digits"),
    faults.case(
        "B7",
        sends(answer(json.dumps({"flows": ROWS}).encode("utf-16"))),
        "not valid JSON",
        {},
        name="UTF-16",
    ),
    faults.case(
        "B8",
        sends(answer({"flows": ROWS}, Content_Type="text/html")),
        "a web page, not data",
        {},
        name="data called a page",
    ),
]


@pytest.mark.parametrize(("fault", "says", "more"), faults.one_of_each(POLLED))
def test_a_poll_that_meets_it_changes_no_status_says_so_and_recovers(
    trouble: Trouble, fault: Fault, says: str, more: dict[str, Any]
) -> None:
    trouble.endure(fault, says, **more)


@pytest.mark.fault("H1")
def test_a_provider_that_refuses_the_key_is_left_in_peace(trouble: Trouble) -> None:
    trouble.provider.fault = sends(answer(ECHO, 401))
    asked = len(trouble.provider.asked)
    for _ in range(10):
        ProviderAccount.objects.update(next_poll_at=timezone.now(), lease_until=None)
        for account, seq in schedule.claim_due():
            tasks.poll(account, seq)
    assert len(trouble.provider.asked) - asked == 1
    assert "An administrator has to enter working credentials." in trouble.page()


@pytest.mark.fault("H2")
def test_one_run_that_may_not_be_seen_stops_no_other(trouble: Trouble) -> None:
    hidden = trouble.provider.flows.pop("a")
    refused = sends(answer(ECHO, 403))
    reply = trouble.provider.reply

    def fault(sock: socket.socket, asked: Asked) -> None:
        if asked.path == "/flows/a":
            refused(sock, asked)
        else:
            sock.sendall(reply(asked))

    trouble.provider.fault = fault
    trouble.provider.flows["b"] = flow("b", "created")
    later(minutes=5)
    trouble.poll()
    assert trouble.account.health == "ok"
    assert "Not permitted" in Quarantine.objects.get(ref="a").reason
    known = dict(Execution.objects.filter(account=trouble.account).values_list("ref", "status"))
    assert known == {"a": "running", "b": "queued", "c": "running"}
    trouble.check_secrets()
    trouble.provider.fault, trouble.provider.flows["a"] = None, hidden
    trouble.poll()
    assert Execution.objects.get(account=trouble.account, ref="a").missing_since is None


@pytest.mark.fault("H9")
def test_a_server_that_stays_broken_is_asked_less_and_less_often(trouble: Trouble) -> None:
    trouble.provider.fault = sends(answer(ECHO, 502))
    for failures in range(1, 15):
        began = timezone.now()
        trouble.poll()
        wait = (trouble.account.next_poll_at - began).total_seconds()
        longest = min(2**failures, 900)
        assert longest / 2 <= wait <= longest + 2, failures
    lost = [line for line in trouble.caplog.messages if "account In trouble is" in line]
    assert len(lost) == 1
    trouble.recover()


@pytest.mark.fault("H15")
@pytest.mark.parametrize(
    "status",
    [301, 302, *(pytest.param(each, marks=pytest.mark.long) for each in (303, 307, 308))],
)
@pytest.mark.parametrize(
    "target",
    [
        "{other}/flows",
        *(
            pytest.param(each, marks=pytest.mark.long)
            for each in ("{self}/elsewhere", "{self}/flows", "file:///etc/hostname", "//{host}/")
        ),
    ],
)
def test_a_redirect_is_followed_nowhere_and_nothing_is_sent_there(
    trouble: Trouble, status: int, target: str
) -> None:
    with running("127.0.0.2") as other:
        host = other.url.removeprefix("http://")
        location = target.format(other=other.url, self=trouble.provider.url, host=host)
        errors = trouble.endure(
            sends(answer(ECHO, status, Location=location)), "redirects are not followed", polls=1
        )
        assert "Edit the account's address if the provider moved." in errors[0]
        assert other.asked == []
        assert "/elsewhere" not in [asked.path for asked in trouble.provider.asked]


@pytest.mark.fault("H16")
def test_a_cookie_is_sent_back_to_nobody(trouble: Trouble) -> None:
    whole = answer({"flows": ROWS}, Set_Cookie="session=taken; Path=/; Domain=127.0.0.1")
    trouble.provider.fault = trouble.beside.fault = sends(whole)
    for _ in range(3):
        trouble.poll()
        assert trouble.account.health == "ok"
    asked = [*trouble.provider.asked, *trouble.beside.asked]
    assert not [each for each in asked if "cookie" in each.headers]


@pytest.mark.fault("N1")
def test_a_provider_that_is_not_there_and_comes_back(trouble: Trouble) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    trouble.move_to(url)
    trouble.endure(hangs, "refused the connection: nothing listens there")


@pytest.mark.fault("N9")
def test_a_provider_that_comes_and_goes_changes_no_status_and_tells_each_change_once(
    trouble: Trouble,
) -> None:
    before = trouble.state()
    for _ in range(20):
        trouble.provider.fault = sends(answer(ECHO, 502))
        trouble.poll()
        assert trouble.account.health == "failing"
        trouble.provider.fault = None
        trouble.poll()
        assert (trouble.account.health, trouble.account.failures) == ("ok", 0)
    assert trouble.state() == before
    lines = [line for line in trouble.caplog.messages if "account In trouble is" in line]
    assert len(lines) == 40
    trouble.check_records()


@pytest.mark.fault("N10")
def test_a_kept_connection_that_was_closed_meanwhile_costs_no_poll(trouble: Trouble) -> None:
    trouble.provider.fault = sends(WHOLE)  # and closes, without a word of it
    for _ in range(5):
        trouble.poll()
        time.sleep(0.05)
        assert trouble.account.health == "ok"


@pytest.mark.fault("N10")
def test_a_command_on_a_kept_connection_that_is_dead_is_sent_once(trouble: Trouble) -> None:
    """The provider closes when the command has arrived: nobody knows whether it was carried out."""
    api = Http(LOOPBACK, session_key="stale").at(trouble.provider.url)
    api.get("flows")
    trouble.provider.fault = lambda sock, asked: None
    with pytest.raises(Unreachable) as caught:
        api.patch("flows", "a", json={"action": "abort"})
    assert caught.value.may_have_acted
    assert [asked.method for asked in trouble.provider.asked].count("PATCH") == 1


@pytest.mark.fault("B5")
def test_an_identifier_that_is_a_number_here_and_a_text_there_is_one_run(trouble: Trouble) -> None:
    for identifier in (7, "7", 7, "7"):
        trouble.provider.flows["a"] = flow("a") | {"flow_id": identifier}
        trouble.poll()
        assert trouble.account.health == "ok"
    assert Execution.objects.filter(account=trouble.account, ref="7").count() == 1
    trouble.provider.flows["a"] = flow("a") | {"flow_id": 7.5}
    trouble.provider.flows["b"] = flow("b") | {"flow_id": "x" * 700}
    trouble.poll()
    assert trouble.account.health == "ok"
    assert {row.ref[:3] for row in Quarantine.objects.filter(account=trouble.account)} == {
        "7.5",
        "xxx",
    }
    assert not Execution.objects.filter(ref__startswith="xxx").exists()


@pytest.mark.fault("B7")
def test_a_byte_order_mark_is_no_part_of_the_data(trouble: Trouble) -> None:
    trouble.provider.fault = sends(answer(b"\xef\xbb\xbf" + BODY))
    trouble.poll()
    assert trouble.account.health == "ok"


@pytest.mark.fault("B10")
def test_a_long_text_is_not_taken_for_many_values(trouble: Trouble) -> None:
    """A table as the text of one value, say."""
    said = '{"a": [1, 2]}, \\"' * 100_000
    trouble.provider.flows["a"] = flow("a") | {"parameters": {"table": said}}
    trouble.poll()
    assert (trouble.account.health, trouble.account.last_error) == ("ok", "")


@pytest.mark.fault("B10")
@pytest.mark.parametrize("tiny", ["{}", "[]", "[[]]", '{"a":1}', "0.1", '"x"', "1e5"])
def test_millions_of_tiny_values_are_no_list_and_take_little_room(
    trouble: Trouble, tiny: str
) -> None:
    """Within the bytes that an answer may have, and dozens of times as much once it is read."""
    content = ",".join([tiny] * (5 * 2**20 // (len(tiny) + 1) - 300))
    whole = answer(f'{{"flows": {json.dumps(ROWS)}, "x": [{content}]}}')
    trouble.endure(sends(whole), "more single values in one answer than can be read")
