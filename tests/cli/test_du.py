"""`art du`: numbers for people and programs."""

from __future__ import annotations

from tests.cli.test_remote import Machines, log, machines
from tests.kit.command_line import Art

__all__ = ["machines"]


def grown(art: Art) -> None:
    log(art, a=bytes(range(256)) * 100)
    log(art, b=b"b" * 5000)


def test_artifacts_and_versions(machines: Machines) -> None:
    car = machines.car
    grown(car)
    done = car("du")
    (line,) = done.lines
    what, logical, stored, unique, freeable = line.split("\t")
    assert (what, int(logical), int(freeable)) == ("dataset", 2 * 25600 + 5000, 0)
    assert int(stored) == int(unique) > 0
    assert done.err.startswith("the store holds ")
    assert car("du", "dataset", "-q").lines == ["dataset:v0", "dataset:v1"]
    items = car("du", "dataset:v1", "--json").json["items"]
    assert [item["what"] for item in items] == ["dataset:v1"]
    assert set(items[0]) >= {"logical", "distinct", "stored", "pages", "unique", "freeable", "project", "elsewhere"}


def test_why(machines: Machines) -> None:
    grown(machines.car)
    told = machines.car("du", "dataset:v1", "--explain")
    assert "dataset:v1: " in told.err
    assert "of files are" in told.err
    assert "are needed elsewhere too" in told.err


def test_runs(machines: Machines) -> None:
    car = machines.car
    assert car("run", "--name", "x", "--", "echo", "said").code == 0
    items = car("du", "--by", "run", "--json").json["items"]
    assert len(items) == 1
    assert items[0]["stored"] > 0
    gone = car("run", "--name", "y", "--", "echo", "said too")
    assert gone.code == 0
    assert car("rm", "y", "--yes").code == 0
    for way in ("run", "artifact", "version", "type"):
        told = car("du", "--by", way).err
        assert "for nothing" not in told, "what runs said is needed, whatever is listed"
        assert "for the trash alone" in told
    assert car("du", "--by", "colour", "--json").error["code"] == "bad-usage"
    assert car("du", "nothing", "--json").code == 5


def test_the_trash_can_be_freed(machines: Machines) -> None:
    car = machines.car
    grown(car)
    assert car("rm", "dataset:v0", "--yes").code == 0
    told = car("du")
    assert int(told.lines[0].split("\t")[4]) > 0
    assert "for the trash alone" in told.err


def test_another_place(machines: Machines, art: Art) -> None:
    machines.share()
    grown(machines.car)
    assert machines.car("push").code == 0
    here = machines.car("du", "dataset", "--json").json["items"]
    there = art("-C", machines.nas.as_uri(), "du", "dataset", "--json").json["items"]
    assert [item["unique"] for item in here] == [item["unique"] for item in there]
