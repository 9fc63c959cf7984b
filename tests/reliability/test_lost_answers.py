"""An object store takes a part of a push and its answer is lost, or late, or says "again": for every put of a push.

"Taken" may then mean that it was we who took it. The push ends by itself, and nothing is doubled.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.buckets import objectstore, retry
from tests.kit import s3_fake, trees
from tests.kit.command_line import Art
from tests.kit.s3 import credentials
from tests.kit.s3_fake import FAULTS, Fault, Store
from tests.store.material import noise

PUTS = 4
"""Of a push: packs of files and of pages, their index, the log entry."""
MERGING = 2
"""More of a push that merges eight indexes: the new one, the log entry."""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    pytest.importorskip("obstore")
    monkeypatch.setattr(objectstore, "QUICK", "1s")
    monkeypatch.setattr(retry, "SHORTEST", 0.01)
    with s3_fake.serving() as store:
        for name, value in credentials(store.endpoint).items():
            monkeypatch.setenv(name, value)
        store.hang = 1.5
        yield store


ENTRY = [(PUTS - 1, fault) for fault in FAULTS if fault != "hang after"]
"""Of the log entry, whose outcome matters most."""
EVERY = [(number, fault) for fault in FAULTS for number in range(PUTS)]


@pytest.mark.parametrize("cases", [ENTRY, pytest.param(EVERY, marks=pytest.mark.soak)], ids=["entry", "every"])
def test_every_put_of_a_push(cases: list[tuple[int, Fault]], store: Store, swift: Path) -> None:
    car, laptop = (Art(swift / name) for name in ("car", "laptop"))
    for art in (car, laptop):
        art.directory.mkdir()
        assert art("init").code == 0
        assert art("remote", "add", "far", "s3://bucket/place").code == 0
    puts = store.puts
    for number, fault in cases:
        trees.plant(car.directory / "data", {"a": noise(5000, f"{fault} {number}")})
        assert car("log-artifact", "d", "data").code == 0
        store.faults = [None] * number + [fault]  # type: ignore[list-item]
        pushed = car("push", "--json")
        assert pushed.code == 0, pushed
        assert pushed.json_lines[-1]["facts"] == 1
        assert store.faults == []
    assert store.puts - puts <= len(cases) * (PUTS + 1) + len(cases) // 8 * MERGING
    assert laptop("pull").code == 0
    refs = [item["ref"] for item in laptop("ls", "d", "--json").json["items"]]
    assert sorted(refs) == sorted(f"d:v{number}" for number in range(len(cases)))
    assert laptop("verify", "d:v0").code == laptop("fsck").code == 0
