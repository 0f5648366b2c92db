"""The one door out: every request to an address that a person typed goes through here.

What requests leaves open is closed here: the address policy is checked on the socket that is
connected, a deadline covers the whole request, the byte cap counts after decompression, redirects
are not followed, cookies, netrc and proxy variables are ignored, nothing is sent twice.
Retries live in one place, the account's row. Sends once, raises the errors of `contract`.
"""

from providers.http.api_client import Endpoint, Opened
from providers.http.client import Http
from providers.http.limits import CONNECT_TIMEOUT, READ_TIMEOUT, REFUSALS, USER_AGENT
from providers.http.quiet_period import Gate
from providers.http.rate_limit import Bucket
from providers.http.replies import Reply, parse_json, parse_retry_after, plain_explanation
from providers.http.sessions import Pass, SignedIn, forget_sessions
from providers.http.transports import open_socket
from providers.http.walks import by_cursor, by_link, by_offset, by_page, next_link, row_key

__all__ = [
    "CONNECT_TIMEOUT",
    "READ_TIMEOUT",
    "REFUSALS",
    "USER_AGENT",
    "Bucket",
    "Endpoint",
    "Gate",
    "Http",
    "Opened",
    "Pass",
    "Reply",
    "SignedIn",
    "by_cursor",
    "by_link",
    "by_offset",
    "by_page",
    "forget_sessions",
    "next_link",
    "open_socket",
    "parse_json",
    "parse_retry_after",
    "plain_explanation",
    "row_key",
]
