"""A repository with runs in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.catalog.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    made, _ = Repository.init(tmp_path)
    yield made
    made.close()
