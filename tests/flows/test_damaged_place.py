"""A place of which something is damaged or gone says so to whoever pulls, and never that there is nothing new."""

from __future__ import annotations

from pathlib import Path

import pytest

from artcli.catalog import log as log_module
from artcli.catalog import mirror as mirror_module
from artcli.errors import IntegrityError
from tests.kit.machines import World
from tests.store.material import noise

PREFIXES = {"index": "index/", "first entry": "log/", "entry": "log/", "last entry": "log/"}
CASES = [(what, how) for what in PREFIXES for how in ("damaged", "missing")]
CASES.remove(("last entry", "missing"))  # of which nobody can know who has not seen it


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    for module in (log_module, mirror_module):
        monkeypatch.setattr(module, "SEGMENT", 5)
    world = World(tmp_path, ["car", "laptop", "late"])
    push(world, 3)
    with world.open("laptop") as laptop:
        laptop.pull()
    return world


def push(world: World, count: int) -> None:
    with world.open("car") as car:
        for number in range(count):
            car.log("d", {"a": noise(2000, f"{number}"), "n": b"%d" % number})
            car.push()


def spoil(world: World, key: str, how: str) -> None:
    data = world.shared.get(key)
    world.shared.delete(key)
    if how == "damaged":
        world.shared.add(key, data[:-20] + bytes(20))


@pytest.mark.parametrize("who", ["laptop", "late"])
@pytest.mark.parametrize(("what", "how"), CASES)
def test_it_is_named(what: str, how: str, who: str, world: World) -> None:
    """`laptop` has been there before, `late` never was."""
    before = {item.key for item in world.shared.list("")} if who == "laptop" else set()
    push(world, 6)
    news = sorted(item.key for item in world.shared.list(PREFIXES[what]) if item.key not in before)
    keys = {"first entry": news[:1], "entry": news[1:2], "last entry": news[-1:]}.get(what, news)
    for key in (*keys, *[item.key for item in world.shared.list("segments/")]):
        spoil(world, key, how)
    with world.open(who) as machine:
        for _ in range(2):
            with pytest.raises(IntegrityError) as raised:
                machine.pull()
            told = " ".join([raised.value.message, *raised.value.facts])
            names = [key.rpartition("/")[2] for key in keys]
            assert any((f"entry {int(name)} " if what.endswith("entry") else name) in told for name in names), told
