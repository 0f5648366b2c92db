"""A provider on this machine that answers as it is told."""

from tests.providers.conftest import server

__all__ = ["server"]
