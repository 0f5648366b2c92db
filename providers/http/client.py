"""One account's way out: sends once, counts, keeps secrets out of messages."""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError
from urllib3.filepost import encode_multipart_formdata

from providers.address_policy import Policy
from providers.contract import BadResponse, ProviderError, Rejected, Unreachable, Unsupported
from providers.http.api_client import Endpoint
from providers.http.deadlines import Guard, current, watchdog
from providers.http.exchanges import Exchanges
from providers.http.limits import CONNECT_TIMEOUT, REFUSALS
from providers.http.quiet_period import Gate
from providers.http.rate_limit import Bucket
from providers.http.replies import Explain, Reply, plain_explanation
from providers.http.transports import prepared, transport_for, why_not_connected
from providers.redaction import Secrets, remember_used


class Http:
    """Opened for one account. Counts what it sends; forgets nothing it must redact."""

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        session_key: object = None,
        secrets: Iterable[str] = (),
        bucket: Bucket | None = None,
        gate: Gate | None = None,
        seconds: float | None = None,
        authority: str = "",
    ) -> None:
        self.policy = policy or Policy()
        self.authority = authority
        """Certificates (PEM) that are trusted besides the public ones."""
        self.not_carried_out: frozenset[int] = frozenset()
        """Statuses that are a refusal at this provider, beside REFUSALS."""
        self.unproven = 0
        """Requests that change something and that the provider may have carried out: all that
        were sent, but those it refused."""
        self.requests = 0
        self.bytes = 0
        self.exchanges = Exchanges()
        """What was sent and what came back, in short."""
        self.reserve = 0.0
        """Share of the account's burst that these requests leave to others."""
        self.server_skew: float | None = None
        """Seconds the provider's clock is ahead of ours, from the last `Date` header."""
        self._last_date: str | None = None
        self._key = session_key
        self._bucket = bucket
        self.gate = gate or Gate()
        self._most: float = math.inf
        self._until = math.inf if seconds is None else time.monotonic() + seconds
        own = tuple(secrets)
        self.secrets = Secrets(own)
        remember_used(own)
        self.on_exchange: Callable[[str, str, bytes | None, Reply], None] | None = None
        """Gets method, address, body and answer of each exchange: for recordings."""

    def remember_secret(self, secret: str) -> None:
        """Redact this value too, in every text from now on."""
        self.secrets.remember(secret)
        remember_used([secret])

    def redact(self, text: str) -> str:
        """A text for people, without the account's secrets in any of their spellings."""
        return self.secrets.hide(text)

    @contextmanager
    def bounded(self, requests: int, seconds: float) -> Iterator[None]:
        """Within it no more than this is sent, and not longer. What is too much raises
        BadResponse or Unreachable, and it `is_spent`."""
        until, most = self._until, self._most
        self._until, self._most = min(until, time.monotonic() + seconds), self.requests + requests
        try:
            yield
        finally:
            self._until, self._most = until, most

    @property
    def is_spent(self) -> bool:
        """Whether nothing more may be sent."""
        return self.requests >= self._most or time.monotonic() >= self._until

    @property
    def room(self) -> float:
        """How much of the account's burst is there now, as a share of it."""
        return 1.0 if self._bucket is None else self._bucket.share

    def at(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        explain: Explain = plain_explanation,
        service: str = "The provider",
    ) -> Endpoint:
        """An endpoint below `base_url`; `service` is the name used in messages."""
        return Endpoint(self, base_url.rstrip("/"), dict(headers or {}), explain, service)

    @staticmethod
    def multipart(fields: Iterable[tuple[str, Any]]) -> tuple[bytes, str]:
        """A body and its content type, of texts and of (file name, bytes, content type)."""
        return encode_multipart_formdata(list(fields))

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Any,
        body: bytes | None,
        read_timeout: float,
        deadline: float,
        changes: bool = False,
    ) -> tuple[requests.Response, Guard]:
        """One request, sent once, body unread; `changes` says that it is no mere reading. Raises
        Unreachable, BadResponse, and RateLimited while the account is to be left alone."""
        if self._bucket is not None:
            self._bucket.wait(self.reserve)
        self.gate.check()
        place = f"{method} {urlsplit(url).hostname}"
        deadline = min(deadline, self._until - time.monotonic())
        if self.requests >= self._most:
            raise BadResponse(f"{place}: its list does not end, so reading was stopped.")
        if deadline <= 0:
            raise Unreachable(f"{place}: there was no time left to send it.", was_sent=False)
        self.requests += 1
        self.exchanges.begin(method, url, params)
        guard = Guard(deadline)
        watchdog.watch(guard)
        current.guard = guard
        try:
            response = transport_for(self._key, self.policy, self.authority).send(
                prepared(method, url, params, headers, body),
                timeout=(CONNECT_TIMEOUT, read_timeout),
                stream=True,
            )
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            guard.finish()
            self.exchanges.end()
            raise self._connection_error(error, guard, place, deadline) from None
        finally:
            current.guard = None
            self.unproven += changes and guard.has_sent
        self.exchanges.answered(response.status_code)
        self._note_clock(response.headers.get("Date"))
        return response, guard

    def is_refusal(self, error: ProviderError) -> bool:
        """Whether the answer proves that the provider has not carried the request out."""
        return error.status in REFUSALS | self.not_carried_out

    def may_have_acted(self, error: Exception) -> bool:
        """Whether a command that ended with this error may have been carried out all the same. An
        adapter that says Rejected or Unsupported has read that in the answer."""
        known: bool | None = getattr(error, "may_have_acted", None)
        if known is None:
            return self.unproven > 0 and not isinstance(error, Rejected | Unsupported)
        return known

    def read(self, response: requests.Response, guard: Guard, cap: int, where: str) -> bytes:
        """The whole body, decompressed. Raises BadResponse over `cap` bytes, Unreachable if the
        body breaks off or takes too long."""
        if response.headers.get("Content-Encoding", "gzip").lower() not in ("gzip", "identity", ""):
            response.close()
            guard.finish()
            raise BadResponse(f"{where} used a compression that was not requested.")
        try:
            content: bytes = response.raw.read(cap + 1, decode_content=True)
        except (HTTPError, OSError, ValueError) as error:
            response.close()
            self.exchanges.end()
            raise self._body_error(error, guard, where) from None
        finally:
            guard.finish()
        self.exchanges.end(content)
        if guard.has_expired:
            raise Unreachable(f"{where} was too slow: the answer was not complete in time.")
        if len(content) > cap:
            response.close()
            raise BadResponse(f"{where} sent more than {cap // 2**20} MiB.")
        self.bytes += len(content)
        return content

    def chunks(
        self, response: requests.Response, guard: Guard, cap: int, where: str
    ) -> Iterator[bytes]:
        """The body in pieces of at most 64 KiB. Errors as in `read`."""
        total = 0
        try:
            while piece := response.raw.read(65536, decode_content=True):
                total += len(piece)
                self.bytes += len(piece)
                if total > cap:
                    raise BadResponse(f"{where} sent more than {cap // 2**20} MiB.")
                yield piece
        except (HTTPError, OSError, ValueError) as error:
            raise self._body_error(error, guard, where) from None
        finally:
            guard.finish()
            response.close()

    def _body_error(self, error: Exception, guard: Guard, where: str) -> ProviderError:
        if guard.has_expired or isinstance(error, TimeoutError):
            return Unreachable(f"{where} was too slow: the answer was not complete in time.")
        return Unreachable(f"{where} broke off in the middle of its answer.")

    def _connection_error(
        self, error: Exception, guard: Guard, place: str, deadline: float
    ) -> ProviderError:
        host = place.split(" ", 1)[1]
        unreachable = partial(Unreachable, was_sent=guard.has_sent)
        chain = _causes(error)
        if any(isinstance(each, requests.exceptions.InvalidURL | UnicodeError) for each in chain):
            return BadResponse(f"The address of {host} cannot be used.")
        why = "" if guard.has_sent else why_not_connected(chain, host)
        if why:
            return unreachable(why)
        if guard.has_expired:
            return unreachable(f"{host} was too slow: no complete answer within {deadline:.3g} s.")
        if any(isinstance(cause, requests.ReadTimeout) for cause in chain):
            return unreachable(f"{host} did not answer in time.")
        if not guard.has_sent:
            return unreachable(f"{host} cannot be connected to.")
        return unreachable(f"{host} broke the connection before it answered.")

    def _note_clock(self, date: str | None) -> None:
        if date == self._last_date:
            return  # the same second as before: it was seen nearer to its start then
        self._last_date = date
        try:
            moment = email.utils.parsedate_to_datetime(date or "")
        except (ValueError, TypeError, OverflowError, IndexError):
            return
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        self.server_skew = aware.timestamp() - time.time()


def _causes(error: BaseException) -> list[BaseException]:
    """The error and everything behind it, urllib3's `reason` included; not what an adapter was
    handling when it asked."""
    found: list[BaseException] = []
    queue: list[Any] = [error]
    while queue and len(found) < 20:
        current = queue.pop(0)
        if not isinstance(current, BaseException) or isinstance(current, ProviderError):
            continue
        if current in found:
            continue
        found.append(current)
        queue += [current.__cause__, current.__context__, getattr(current, "reason", None)]
        queue += list(current.args[:2])
    return found
