"""An API endpoint of a provider: base URL, headers, and errors by status code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from providers import exact_json
from providers.address_policy import below
from providers.contract import (
    AuthFailed,
    BadResponse,
    NotFound,
    ProviderError,
    RateLimited,
    Rejected,
    Unreachable,
    Unsupported,
)
from providers.http.limits import (
    BODY_CAP,
    DEADLINE,
    DOWNLOAD_CAP,
    DOWNLOAD_DEADLINE,
    READ_TIMEOUT,
    REFUSALS,
)
from providers.http.replies import Explain, Reply, parse_json, parse_retry_after

if TYPE_CHECKING:
    from providers.http.client import Http


class Endpoint:
    """A base URL with headers. Path segments are quoted one by one, so a ref cannot escape."""

    def __init__(
        self, http: Http, base_url: str, headers: dict[str, str], explain: Explain, service: str
    ) -> None:
        self.http = http
        self.base_url = base_url
        self.headers = headers
        self.service = service
        self.explain = explain

    def get(self, *path: str, **options: Any) -> Reply:
        return self.request("GET", *path, **options)

    def post(self, *path: str, **options: Any) -> Reply:
        return self.request("POST", *path, **options)

    def patch(self, *path: str, **options: Any) -> Reply:
        return self.request("PATCH", *path, **options)

    def delete(self, *path: str, **options: Any) -> Reply:
        return self.request("DELETE", *path, **options)

    def follow(self, url: str) -> Reply:
        """GET a link that the provider gave. Raises BadResponse, before anything is sent, if it
        leaves the base URL."""
        try:
            url = below(self.base_url, url)
        except ValueError:
            raise BadResponse(
                f"{self.service} links outside its own address; the link is not followed."
            ) from None
        return self._reply("GET", url, f"GET {urlsplit(url).path}")

    def request(self, method: str, *path: str, **options: Any) -> Reply:
        """Options: `params`, `json` (any JSON value), `form` (fields by name), `files` (name ->
        (file name, bytes, content type); with `form` one multipart body), `body` (bytes) with
        `content_type`, `headers`, `read_timeout` (s), `deadline` (s), `cap` (bytes), `accept`
        (statuses that are no error here, as the 302 of a login), `is_answer` (tells of a reply that
        it is one whatever its status), `changes` (False for a POST that
        only reads). Raises all errors of the contract (Unsupported for a body with a note in
        it), each with `may_have_acted`: a command that it ends is repeated only where nothing was
        carried out."""
        return self._reply(method, self.url(*path), f"{method} /{'/'.join(path)}", **options)

    def graphql(
        self, query: str, *path: str, changes: bool | None = None, **variables: Any
    ) -> dict[str, Any]:
        """The `data` of a GraphQL answer, asked for at `path` (`graphql` if left out). `changes` is
        True of a mutation unless said otherwise. GraphQL answers 200 to nearly everything: what
        its `errors` say becomes AuthFailed, Rejected where nothing was executed (there is no
        `data`), else BadResponse, by which a command may have been carried out in part. Any other
        status counts as usual, unless the answer has `data` and no `errors`: then it tells."""
        is_mutation = query.lstrip().startswith("mutation")
        changes = is_mutation if changes is None else changes
        body = {"query": query, "variables": variables}
        given = {"json": body, "changes": changes, "is_answer": _has_graphql_data}
        reply = self.post(*(path or ("graphql",)), **given)
        answer = reply.json()
        if not isinstance(answer, dict):
            raise BadResponse(f"{reply.where} sent no GraphQL answer.")
        if answer.get("errors"):
            raise self._refusal(reply, answer, changes=changes)
        data = answer.get("data")
        if not isinstance(data, dict):
            raise BadResponse(f"{reply.where} sent a GraphQL answer without data.")
        return data

    def _refusal(self, reply: Reply, answer: dict[str, Any], *, changes: bool) -> ProviderError:
        errors = answer["errors"] if isinstance(answer["errors"], list) else [answer["errors"]]
        complaints = [each if isinstance(each, dict) else {"message": str(each)} for each in errors]
        words = "; ".join(str(each.get("message") or "no reason given") for each in complaints[:5])
        detail = self.http.redact(words)[:500]
        about = [each.get("extensions") for each in complaints]
        codes = {str(each.get("code", "")).upper() for each in about if isinstance(each, dict)}
        message = f"{reply.where} answered: {detail}"
        if codes & {"UNAUTHENTICATED", "FORBIDDEN"}:
            return AuthFailed(message, status=reply.status, detail=detail)
        if "data" not in answer and changes:
            return Rejected(message, status=reply.status, detail=detail)
        return BadResponse(message, status=reply.status, detail=detail)

    def url(self, *path: str) -> str:
        """Raises BadResponse for a segment that would climb out: quoting leaves dots alone."""
        if "." in path or ".." in path:
            raise BadResponse(f"{self.service} sent an id of dots only, which cannot be requested.")
        return "/".join([self.base_url, *(quote(segment, safe="") for segment in path)])

    def open(self, *path: str, params: Any = None, cap: int = DOWNLOAD_CAP) -> Opened:
        """GET a document without reading it yet. Errors as in `request`."""
        where = self.http.redact(f"{self.service} (GET /{'/'.join(path)})")
        response, guard = self.http.send(
            "GET",
            self.url(*path),
            headers=self.headers,
            params=params,
            body=None,
            read_timeout=READ_TIMEOUT,
            deadline=DOWNLOAD_DEADLINE,
        )
        if response.status_code != 200:
            content = self.http.read(response, guard, BODY_CAP, where)
            self._judge(Reply(response.status_code, response.headers, content, where))
        return Opened(response.headers, self.http.chunks(response, guard, cap, where))

    def _reply(self, method: str, url: str, where: str, **options: Any) -> Reply:
        changes = options.setdefault("changes", method != "GET")
        try:
            reply = self._exchange(method, url, where, **options)
            if reply.status in options.get("accept", ()):
                return reply
            if (is_answer := options.get("is_answer")) and is_answer(reply):
                return reply
            self._judge(reply)
            if changes:
                reply.refuse_web_page()
            return reply
        except ProviderError as error:
            if changes and self.http.is_refusal(error):
                self.http.unproven -= 1
            error.may_have_acted = self.http.unproven > 0
            raise

    def _exchange(self, method: str, url: str, where: str, **options: Any) -> Reply:
        headers = {"Accept": "application/json", **self.headers, **options.get("headers", {})}
        body: bytes | None = options.get("body")
        if "json" in options:
            body = _sendable(options["json"])
            headers["Content-Type"] = "application/json"
        elif "files" in options:
            fields = [*options.get("form", {}).items(), *options["files"].items()]
            body, headers["Content-Type"] = self.http.multipart(fields)
        elif "form" in options:
            body = urlencode(options["form"], doseq=True).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif body is not None:
            headers["Content-Type"] = options.get("content_type", "application/octet-stream")
        where = self.http.redact(f"{self.service} ({where})")
        response, guard = self.http.send(
            method,
            url,
            headers=headers,
            params=options.get("params"),
            body=body,
            read_timeout=options.get("read_timeout", READ_TIMEOUT),
            deadline=options.get("deadline", max(DEADLINE, options.get("read_timeout", 0) + 10)),
            changes=options["changes"],
        )
        content = self.http.read(response, guard, options.get("cap", BODY_CAP), where)
        reply = Reply(response.status_code, response.headers, content, where)
        if self.http.on_exchange is not None:
            self.http.on_exchange(method, response.url, body, reply)
        return reply

    def _judge(self, reply: Reply) -> Reply:
        """The reply if it is a plain success, else the error that says what to do."""
        status = reply.status
        if 200 <= status < 300 and status not in (206,):
            return reply
        if 300 <= status < 400:
            target = urlsplit(reply.headers.get("Location", "")).hostname or "another address"
            raise BadResponse(
                f"{reply.where} was redirected to {self.http.redact(target)}; redirects are not "
                "followed. Edit the account's address if the provider moved.",
                status=status,
            )
        detail = self.http.redact(self.explain(reply).strip())[:500]
        words = f": {detail}" if detail else "."
        message = f"{reply.where} answered {status}{words}"
        if status == 429 or (status == 503 and reply.headers.get("Retry-After")):
            wait = parse_retry_after(reply.headers.get("Retry-After"), reply.headers.get("Date"))
            raise RateLimited(
                message,
                retry_after=self.http.gate.close(wait),
                status=status,
                detail=detail,
            )
        if status in (401, 403):
            raise AuthFailed(message, status=status, detail=detail)
        if status == 404:
            raise NotFound(message, status=status, detail=detail)
        if status >= 500 or status in (408, 425):
            raise Unreachable(message, status=status, detail=detail)
        if status in REFUSALS:
            raise Rejected(message, status=status, detail=detail)
        raise BadResponse(message, status=status, detail=detail)


def _has_graphql_data(reply: Reply) -> bool:
    """Whether it was executed: Dagster answers 500 with `data` where a resolver met an error and
    made a type of the schema of it (seen November 2026)."""
    if reply.status < 400:
        return False
    try:
        answer = parse_json(reply.content)
    except (ValueError, RecursionError):
        return False
    return isinstance(answer, dict) and bool(answer.get("data")) and not answer.get("errors")


def _sendable(value: Any) -> bytes:
    """Digits as they came. A note must not be sent for the value that it stands for."""
    body = exact_json.write(value)
    if exact_json.NOTE.encode() in body:
        raise Unsupported(
            "Part of it could not be kept as the provider sent it, so it cannot be sent back. "
            "Nothing was sent."
        )
    return body


@dataclass(frozen=True)
class Opened:
    """A document whose body is still on the wire."""

    headers: Mapping[str, str]
    chunks: Iterator[bytes]

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").split(";")[0].strip().lower()

    @property
    def size(self) -> int | None:
        length = self.headers.get("Content-Length", "")
        return int(length) if length.isdigit() and "Content-Encoding" not in self.headers else None
