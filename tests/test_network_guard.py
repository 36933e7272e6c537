"""The guard of conftest.py refuses other hosts and lets the machine speak to itself."""

import socket

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "example.org"])
def test_other_hosts_are_refused(host):
    with pytest.raises(RuntimeError, match="tests use no network"):
        socket.create_connection((host, 80), timeout=1)


def test_a_connection_by_hand_is_refused():
    with socket.socket() as mine, pytest.raises(RuntimeError, match=r"192\.0\.2\.1"):
        mine.connect(("192.0.2.1", 80))


def test_loopback_works():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        socket.create_connection(server.getsockname()).close()
