"""Connections to the live stream: whoever sends a request does so within seconds, or is cut off."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

WHOLE_WITHIN = 10.0  # seconds for all of a request, as the pages have it for its head


class Patient(H11Protocol):
    """uvicorn's own protocol, which would wait for ever for the rest of a request."""

    deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self._await_request()
        else:
            self._let_be()

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_be()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        if self.deadline is None:
            self.deadline = self.loop.call_later(WHOLE_WITHIN, self.transport.close)

    def _let_be(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
