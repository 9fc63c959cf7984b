"""A repository with a few versions whose times never change, for tests that compare whole outputs."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from artcli.catalog import facts
from artcli.catalog.repository import Repository
from tests.catalog.kit import add_version, log_files
from tests.kit.command_line import Art
from tests.kit.trees import Leaf, plant

TIME = "2026-11-01T12:00:00.000Z"


def with_dataset(art: Art, files: Mapping[str, Leaf]) -> Art:
    """`art` in a repository with dataset:v0, which holds these files; they lie in `data` too."""
    art("init")
    plant(art.directory / "data", files)
    assert art("log-artifact", "dataset", "data").code == 0
    return art


def fill(art: Art, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """model:v0–v2 without bytes, data:v0 with files; everything happens on `car` at `TIME`."""
    monkeypatch.setattr(facts, "timestamp", lambda seconds: TIME)
    monkeypatch.setattr(facts, "this_machine", lambda: "car")
    repository, _ = Repository.init(art.directory)
    for number in range(3):
        add_version(repository, "model", str(number), metadata={"lr": number / 10})
    log_files(repository, "data", {"a.txt": b"a" * 300, "dir/b": b"b"}, description="pictures\nof the table")
    return repository
