"""A test that reaches beyond this machine fails (pytest-socket, with the options in pyproject)."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from pytest_socket import SocketConnectBlockedError

ELSEWHERE = [("192.0.2.1", 80), ("2001:db8::1", 443)]  # for documentation: nobody has them


@pytest.mark.parametrize("address", ELSEWHERE)
def test_reaching_out_fails_the_test(address):
    with (
        pytest.warns(UserWarning, match="A test tried to use socket"),
        pytest.raises(SocketConnectBlockedError),
    ):
        socket.create_connection(address, timeout=0.2)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost"])
def test_this_machine_answers(host):
    with socket.create_server(("", 0)) as server:
        socket.create_connection((host, server.getsockname()[1]), timeout=5).close()


def test_socket_files_are_open(tmp_path: Path):
    path = str(tmp_path / "there")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        client.connect(path)
