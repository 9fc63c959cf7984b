"""`art copy`: from one remote to another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import art
from tests.kit.command_line import Art
from tests.kit.trees import harvest
from tests.store.material import noise

__all__ = ["art"]

FILES = {"a.bin": noise(300_000, "a"), "b.bin": noise(5000, "b")}


@pytest.fixture
def shared(art: Art) -> Art:
    """A place `nas` with dataset:v0, v1 and a model of a run, and an empty one, `attic`; this machine has neither."""
    home = art.directory.parent / "home"
    home.mkdir()
    owner = Art(home)
    (home / "data").mkdir()
    assert owner("init").code == owner("remote", "add", "nas", "../nas").code == 0
    for name, data in FILES.items():
        (home / "data" / name).write_bytes(data)
        assert owner("log-artifact", "dataset", "data").code == 0
    run = owner("run", "start", "--name", "training").out.strip()
    assert owner("log-artifact", "model", "data/b.bin", "--run", run, "-a", "best").code == 0
    assert owner("run", "finish", run).code == owner("push").code == 0
    assert art("init").code == 0
    for name in ("nas", "attic"):
        assert art("remote", "add", name, f"../{name}").code == 0
    return art


def clone(art: Art, place: str) -> Art:
    above = Art(art.directory.parent)
    assert above("clone", place, f"of-{place}", "--full").code == 0
    return Art(art.directory.parent / f"of-{place}")


def packs(art: Art) -> list[Path]:
    return [path for path in (art.directory / ".art" / "packs").rglob("*") if path.is_file()]


def test_all_of_it(shared: Art) -> None:
    price = shared("copy", "nas", "attic", "-n", "--json").json
    done = shared("copy", "nas", "attic", "--json").json
    assert (done["chunks"], price["dry_run"]) == (price["chunks"], True)
    assert packs(shared) == []
    assert shared("copy", "nas", "attic", "--json").json["facts"] == 0
    made = clone(shared, "attic")
    assert made("ls", "dataset", "-q").lines == ["dataset:v1", "dataset:v0"]
    assert made("use", "dataset:v1", "--root", "here").code == 0
    assert harvest(made.directory / "here") == FILES
    assert made("show", "model:best", "--field", "producer.name").out == "training\n"
    assert made("fsck", "--full").code == 0


def test_one_version(shared: Art) -> None:
    assert shared("copy", "model:best", "nas", "attic").code == 0
    made = clone(shared, "attic")
    assert made("ls", "-q").lines == ["model"]
    assert made("show", "model:best", "--field", "producer.name").out == "training\n"
    assert shared("copy", "nas", "attic").code == 0
    assert made("pull").code == 0
    assert made("ls", "-q").lines == ["dataset", "model"]


def test_what_cannot_be_meant(shared: Art) -> None:
    for words, code in (
        (["nas"], 2), (["nas", "nas"], 2), (["nas", "nobody"], 5), (["nothing", "nas", "attic"], 5),
        (["nas", "attic", "--max-bytes", "10"], 9),
    ):  # fmt: skip
        assert shared("copy", *words).code == code, words
    shared.directory.parent.joinpath("nas").rename(shared.directory.parent / "away")
    assert shared("copy", "nas", "attic").code == 8
