"""A repository, a web server, and nobody who waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.flows.references import source
from tests.flows.shelf import Shelf
from tests.kit.web_source import WebSource, serving


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.repository.close()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebSource]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(source, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(source, "PATIENCE", 0.3)
