"""Links from a business key to where it is at home, such as an order in the ERP."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

PLACE = "{key}"
MAX_LINK = 500


def problem_of_link(link: str) -> str:
    """Why such a link cannot be used, as a sentence; "" if it can."""
    if any(ord(char) <= 32 or ord(char) == 127 for char in link):
        return "It holds a space or a control character."
    try:
        parts = urlsplit(link)
        host = parts.hostname or ""
    except ValueError:
        return "This is not an address."
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        return "Write it as https://erp.example.com/orders/{key}."
    if PLACE in parts.netloc:
        return "Write {key} after the host, not in it."
    if PLACE not in link:
        return "Write {key} where the key goes."
    return ""


def linked(link: str, text: str) -> tuple[str, str]:
    """(address, host) for a key. Whatever the key holds stays one part of the address."""
    return link.replace(PLACE, quote(text, safe="")), urlsplit(link).hostname or ""
