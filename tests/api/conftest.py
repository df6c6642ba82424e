"""A scripted service for the tests of the API."""

from collections.abc import Generator
from pathlib import Path

import pytest

from sciabc_tui.api.client import Client
from tests.api.scripted import Serving, serving


@pytest.fixture
def service(tmp_path: Path) -> Generator[Serving, None, None]:
    """Serve a scripted backend on a socket of its own."""
    with serving(tmp_path / "run" / "api.sock") as service:
        yield service


@pytest.fixture
def client(service: Serving) -> Client:
    """Give a client of the scripted service."""
    return Client(service.socket)
