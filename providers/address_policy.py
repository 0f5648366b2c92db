"""Which addresses an account may reach. Checked on the connected socket, not on the typed URL.

Public addresses are allowed; everything else only inside the networks that the deployment lists,
and there only at the ports of the web or those that it lists. Some ranges are never allowed:
link-local and cloud metadata services above all.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

NEVER: tuple[IPNetwork, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "192.0.0.0/24",
        "168.63.129.16/32",  # Azure's platform address: counts as public
        "100.100.100.200/32",  # Alibaba's metadata service
        "192.88.99.0/24",  # relays into IPv6
        "fe80::/10", "ff00::/8", "fd00:ec2::/32", "fd20:ce::254/128",
        "::/8", "2002::/16", "2001::/32",  # carry IPv4 inside
        "3fff::/20",  # of documents (RFC 9637); counts as public where Python is older than that
    )
)  # fmt: skip
LOOPBACK = ipaddress.ip_address("::1")  # the one address of ::/8 that a deployment may allow
UNICAST = ipaddress.ip_network("2000::/3")  # the one part of IPv6 that is public

# Services that speak no HTTP: an account pointed at one of them is a port scan.
NEVER_PORTS = frozenset({22, 23, 25, 53, 110, 143, 445, 3306, 3389, 5432, 6379, 11211, 27017})


# What is used inside an allowed network that names no ports: the web's, and Prefect's own.
WEB_PORTS = tuple(range(each, each + 1) for each in (80, 443, 4200, 8080, 8443))

_BARE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


class Refused(OSError):
    """The address policy says no. Nothing was sent."""


@dataclass(frozen=True)
class Allowed:
    """A network of one's own, and the ports that may be used there."""

    network: IPNetwork
    ports: tuple[range, ...] = WEB_PORTS

    @classmethod
    def read(cls, text: str) -> Allowed:
        """`10.20.0.0/16`, or with ports: `10.20.0.0/16:9000`, `10.20.0.0/16:9000-9100`,
        `10.20.0.0/16:*`. Raises ValueError."""
        address, slash, rest = text.strip().partition("/")
        length, colon, ports = rest.partition(":")
        network = ipaddress.ip_network(address + slash + length)
        if not colon:
            return cls(network)
        first, dash, last = ("1", "-", "65535") if ports == "*" else ports.partition("-")
        found = range(int(first), int(last if dash else first) + 1)
        if not found or found[0] < 1 or found[-1] > 65535:
            raise ValueError("no ports")
        return cls(network, (found,))


@dataclass(frozen=True)
class Policy:
    """`allowed`: networks reachable besides public addresses, over plain HTTP too. `besides`: ports
    that may be used there in any case, and that are no longer among those never used."""

    allowed: tuple[Allowed, ...] = ()
    besides: frozenset[int] = frozenset()

    @classmethod
    def from_cidrs(cls, cidrs: Iterable[str], besides: Iterable[int] = ()) -> Policy:
        """Raises ValueError for a text that is no network. See `Allowed.read`."""
        allowed = tuple(Allowed.read(cidr) for cidr in cidrs if cidr.strip())
        return cls(allowed, frozenset(besides))

    def check(self, host_address: str, port: int, *, is_encrypted: bool) -> None:
        """Raises Refused unless an account may talk to this address."""
        address: IPAddress = ipaddress.ip_address(host_address.split("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        if _is_in(address, NEVER) and address != LOOPBACK:
            raise Refused(f"The address {address} is never allowed.")
        if port in NEVER_PORTS - self.besides:
            raise Refused(f"Port {port} is never allowed.")
        own = [each for each in self.allowed if _is_in(address, [each.network])]
        if own and (port in self.besides or any(port in span for e in own for span in e.ports)):
            return
        if not address.is_global or (address.version == 6 and address not in UNICAST):
            raise Refused(
                f"Port {port} is not one that ANNUNCIATOR_ALLOWED_NETWORKS opens at {address}; "
                f"it would be written {own[0].network}:{port}."
                if own
                else f"The address {address} is not public and not in ANNUNCIATOR_ALLOWED_NETWORKS."
            )
        if not is_encrypted:
            raise Refused(f"Plain http to the public address {address} is not allowed; use https.")


def _is_in(address: IPAddress, networks: Iterable[IPNetwork]) -> bool:
    return any(address.version == net.version and address in net for net in networks)


def clean_base_url(text: str) -> str:
    """A base URL as accounts store it: scheme, host, optional port and path, no trailing slash.

    Raises ValueError with a sentence for a person: other schemes, user info, a query, a fragment,
    backslashes, white space and control characters are refused.
    """
    url = text.strip()
    if any(ord(char) <= 32 or ord(char) == 127 or char == "\\" for char in url):
        raise ValueError("The address holds a space, a backslash or a control character.")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ValueError("The address must begin with https:// (or http://).")
    if not parts.hostname:
        raise ValueError("The address names no host.")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError("Credentials do not belong into the address; use the fields for them.")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError("The address must not hold a query or a fragment.")
    if not parts.hostname.isascii():
        raise ValueError("Write the host name in its ASCII form (xn--...).")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("The port must be a number up to 65535.") from None
    if port == 0:
        raise ValueError("The port must be a number from 1 to 65535.")
    return url.rstrip("/")


def below(base_url: str, link: str) -> str:
    """The address of a link that a provider gave, written anew below the base URL of its account:
    what was compared is what is sent. Raises ValueError for one that leads elsewhere, however it
    is spelled: another scheme, host or port, user info, a path that climbs or has holes in it."""
    if any(ord(char) <= 32 or ord(char) >= 127 or char == "\\" for char in link):
        raise ValueError("It holds characters that an address has not.")
    link = _BARE_PERCENT.sub("%25", link)  # requests would escape all of the address once more
    base, parts = urlsplit(base_url), urlsplit(link)
    if _origin(base) != _origin(parts) or "@" in parts.netloc:
        raise ValueError("It leads to another server.")
    own = [unquote(each) for each in base.path.strip("/").split("/") if each]
    segments = parts.path.split("/")[1:]
    if [unquote(each) for each in segments[: len(own)]] != own:
        raise ValueError("It leads outside the address of the account.")
    rest = segments[len(own) :]
    if not rest or any(_climbs(each) for each in rest) or "" in rest[:-1]:
        raise ValueError("Its path holds “..” or an empty part.")
    query = f"?{parts.query}" if parts.query else ""
    return f"{base_url.rstrip('/')}/{'/'.join(rest)}{query}"


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    """Raises ValueError for a port that is none."""
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", default if parts.port is None else parts.port


def _climbs(segment: str) -> bool:
    """Whether a server that decodes it, once or more often, may take it for a way up."""
    for _ in range(5):
        if not {".", ".."}.isdisjoint(segment.replace("\\", "/").split("/")):
            return True
        decoded = unquote(segment)
        if decoded == segment:
            return False
        segment = decoded
    return True
