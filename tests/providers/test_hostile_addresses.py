"""Any address and any link: refused in words, or one that an account may use."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

from providers.address_policy import NEVER_PORTS, Policy, Refused, below, clean_base_url
from tests import hostile

# RFC 6890 and what clouds answer at, written down here once more: not the list of the code.
OFF_LIMITS = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32", "::/8", "100::/64", "2001::/32", "2001:db8::/32", "2002::/16",
        "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "3fff::/20", "5f00::/16",
    )
]  # fmt: skip
NEVER = [
    "169.254.0.0/16",
    "fe80::/10",
    "fd00:ec2::254/128",
    "168.63.129.16/32",
    "100.100.100.200/32",
]
V4 = st.ip_addresses(v=4)
WITHIN = st.one_of([st.ip_addresses(network=network) for network in OFF_LIMITS])
CARRIED = st.one_of(V4, st.ip_addresses(v=4, network="10.0.0.0/8"))
IN_V6 = st.builds(
    lambda prefix, inner: ipaddress.ip_address(int(ipaddress.ip_address(prefix)) + int(inner)),
    st.sampled_from(["::ffff:0:0", "::", "64:ff9b::", "64:ff9b:1::", "::ffff:0:0:0"]),
    CARRIED,
)
ADDRESSES = V4 | st.ip_addresses(v=6) | WITHIN | IN_V6
SPELLINGS = st.sampled_from(
    [
        str,
        lambda ip: ip.exploded,
        lambda ip: str(ip).upper(),
        lambda ip: f"{ip}%eth0",
        lambda ip: f"::ffff:{ip}" if ip.version == 4 else str(ip),
    ]
)
SETTINGS = st.lists(
    st.sampled_from(["10.0.0.0/8:", "/8", ":", "70000", "-", "*", "9", "::1", "/", " ", "٣", "x"]),
    max_size=5,
).map("".join)
PORTS = st.sampled_from([80, 443, 8080, *NEVER_PORTS]) | st.integers(0, 65535)


def inner(ip: Any) -> Any:
    return getattr(ip, "ipv4_mapped", None) or ip


def is_refused(policy: Policy, address: str, port: int, *, is_encrypted: bool) -> bool:
    try:
        policy.check(address, port, is_encrypted=is_encrypted)
    except Refused:
        return True
    return False


def is_off_limits(ip: Any) -> bool:
    return any(ip in network for network in OFF_LIMITS if network.version == ip.version)


@hostile.examples(1000)
@given(ADDRESSES, SPELLINGS, PORTS, st.booleans())
@example(ipaddress.ip_address("::ffff:169.254.169.254"), str, 443, True)
@example(ipaddress.ip_address("3fff::1"), str, 443, True)
@pytest.mark.fault("N7")
def test_no_address_of_a_network_of_its_own_is_reached_in_any_spelling(
    ip: Any, spelled: Any, port: int, is_encrypted: bool
) -> None:
    refused = is_refused(Policy(), spelled(ip), port, is_encrypted=is_encrypted)
    assert refused == is_refused(Policy(), str(inner(ip)), port, is_encrypted=is_encrypted)
    if refused:
        return
    assert is_encrypted
    assert port not in NEVER_PORTS
    assert not is_off_limits(inner(ip))


@hostile.examples(250)
@given(ADDRESSES, st.sampled_from(["10.0.0.0/8", "10.0.0.0/8:9000", "10.0.0.0/8:*"]), PORTS)
def test_a_network_that_is_opened_opens_nothing_beside_it(ip: Any, opened: str, port: int) -> None:
    if is_refused(Policy.from_cidrs([opened]), str(ip), port, is_encrypted=False):
        return
    assert inner(ip) in ipaddress.ip_network("10.0.0.0/8")
    assert opened.endswith("*") or port in (80, 443, 4200, 8080, 8443, 9000)


@hostile.examples(250)
@given(st.one_of([st.ip_addresses(network=network) for network in NEVER]), SPELLINGS, PORTS)
@pytest.mark.fault("N7")
def test_what_is_never_allowed_is_not_even_where_everything_is_opened(
    ip: Any, spelled: Any, port: int
) -> None:
    everything = Policy.from_cidrs(["0.0.0.0/0:*", "::/0:*"], besides=[port])
    assert is_refused(everything, spelled(ip), port, is_encrypted=True)


@hostile.examples(250)
@given(SETTINGS | hostile.TEXTS)
@example("10.0.0.0/8:1-70000")
def test_a_setting_is_a_network_or_no_setting(text: str) -> None:
    try:
        policy = Policy.from_cidrs([text])
    except ValueError:
        return
    for allowed in policy.allowed:
        assert all(1 <= port <= 65535 for span in allowed.ports for port in (span[0], span[-1]))


BASES = st.sampled_from(
    [
        "https://a.example/api/v1",
        "https://a.example",
        "http://10.0.0.1:8080/x%2Fy",
        "https://[::1]/b",
    ]
)
PIECES = st.sampled_from(
    [
        "https://a.example/api/v1", "https://a.example", "//", "/", ":", "@", "?", "#", "..", "%2e",
        "%2E%2E", "%252e", "%2f", "%5c", "\\", ";", "&", "runs", "a.example", "evil.example", "[",
        "]", "::1", "443", "https:", "HTTPS://A.example:443", "http:", "api", "v1", "\t", "\n", " ",
        "%00", "%", "%zz", "é", "．．", "\0", ".", "...", "x%2fy", "%c0%ae", "%25252e", "/api/v1/",
    ]
)  # fmt: skip
LINKS = st.lists(PIECES, max_size=8).map("".join)


@hostile.examples(1250)
@given(BASES, LINKS | hostile.TEXTS, st.booleans())
@example("http://10.0.0.1:8080/x%2Fy", "/runs/50%", True)
@example("https://a.example/api/v1", "/%%32e%%32e/", True)
@pytest.mark.fault("D11")
def test_a_link_that_is_followed_stays_below_the_address(base: str, link: str, on: bool) -> None:
    """As `requests` sends it, and as a server may read it that decodes it as often as it likes."""
    try:
        url = below(base, base + link if on else link)
    except ValueError:
        return
    sent = str(requests.Request("GET", url).prepare().url)
    assert urlsplit(sent)[:2] == urlsplit(base)[:2]
    path, stem = sent.partition("?")[0], base.rstrip("/") + "/"
    assert path.startswith(stem)
    for _ in range(6):
        assert not {".", ".."} & set(path.replace("\\", "/").split("/"))
        path = unquote(path)


@hostile.examples(750)
@given(LINKS | hostile.TEXTS | LINKS.map(lambda text: f"https://{text}"))
def test_an_address_that_is_kept_is_one_that_can_be_asked(text: str) -> None:
    try:
        url = clean_base_url(text)
    except ValueError:
        return
    parts = urlsplit(url)
    assert parts.scheme in ("http", "https")
    assert parts.hostname
    assert parts.username is parts.password is None
    assert not {"?", "#", "\\"} & set(url)
    assert url.isprintable()
    assert " " not in url
