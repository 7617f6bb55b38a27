"""A server that misbehaves on demand, and a session that asks it: what most tests of the endpoint need."""

import pytest

from endpoint.harness import FaultServer, Runner


@pytest.fixture(scope="session")
def server_process():
    server = FaultServer()
    yield server
    server.stop()


@pytest.fixture
def server(server_process):
    server_process.behave()
    return server_process


@pytest.fixture
def runner(tmp_path, server, monkeypatch):
    made = Runner(tmp_path, server, monkeypatch)
    yield made
    made.close()
