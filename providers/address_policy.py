"""Which addresses an account may reach. Checked on the connected socket, not on the typed URL.

Public addresses are allowed; everything else only inside the networks that the deployment lists.
Some ranges are never allowed: link-local and cloud metadata services above all.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

NEVER: tuple[IPNetwork, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "192.0.0.0/24",
        "168.63.129.16/32",  # Azure's platform address: counts as public
        "100.100.100.200/32",  # Alibaba's metadata service
        "::/128", "fe80::/10", "ff00::/8", "fd00:ec2::/32", "fd20:ce::254/128",
        "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32",  # carry IPv4 inside
    )
)  # fmt: skip

# Services that speak no HTTP: an account pointed at one of them is a port scan.
NEVER_PORTS = frozenset({22, 23, 25, 53, 110, 143, 445, 3306, 3389, 5432, 6379, 11211, 27017})


class Refused(OSError):
    """The address policy says no. Nothing was sent."""


@dataclass(frozen=True)
class Policy:
    """`allowed`: networks reachable besides public addresses, over plain HTTP too."""

    allowed: tuple[IPNetwork, ...] = ()
    never_ports: frozenset[int] = NEVER_PORTS

    @classmethod
    def from_cidrs(cls, cidrs: Iterable[str]) -> Policy:
        """Raises ValueError for a text that is no network."""
        return cls(tuple(ipaddress.ip_network(cidr.strip()) for cidr in cidrs if cidr.strip()))

    def check(self, host_address: str, port: int, *, is_encrypted: bool) -> None:
        """Raises Refused unless an account may talk to this address."""
        address: IPAddress = ipaddress.ip_address(host_address.split("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        if _is_in(address, NEVER):
            raise Refused(f"The address {address} is never allowed.")
        if port in self.never_ports:
            raise Refused(f"Port {port} is never allowed.")
        if _is_in(address, self.allowed):
            return
        if not address.is_global:
            raise Refused(
                f"The address {address} is not public and not in ANNUNCIATOR_ALLOWED_NETWORKS."
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
