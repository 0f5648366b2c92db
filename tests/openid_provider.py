"""A real OpenID provider on loopback, in a process of its own: who signs in there, and with which
claims, is said by the test."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import requests

from tests.ports import free_port

STARTS_WITHIN = 30.0  # seconds


class Running:
    def __init__(self, port: int) -> None:
        self.port = port
        self.issuer = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(self.port)],
            env={**os.environ, "AUTHLIB_INSECURE_TRANSPORT": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                requests.get(f"{self.issuer}/.well-known/openid-configuration", timeout=1)
                return
            except requests.RequestException:
                assert time.monotonic() < end, "the provider does not start"
                time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def person(self, subject: str, **claims: Any) -> None:
        """Whoever signs in as `subject` has these claims; claims of the token itself (`iss`,
        `nonce`, `exp`) take the place of the right ones."""
        put = requests.put(f"{self.issuer}/users/{quote(subject)}", json=claims, timeout=5)
        put.raise_for_status()

    def sign_in(self, address: str, subject: str) -> str:
        """What a person does on the provider's page; the address that it sends them back to."""
        answer = requests.post(address, {"sub": subject}, allow_redirects=False, timeout=5)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def refuse(self, address: str) -> str:
        answer = requests.post(address, {"action": "deny"}, allow_redirects=False, timeout=5)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


@contextmanager
def running() -> Iterator[Running]:
    provider = Running(free_port())
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()
