"""`art bundle`, and `pull` and `clone` of one."""

from __future__ import annotations

from tests.cli.conftest import art
from tests.kit.command_line import Art
from tests.kit.trees import harvest

__all__ = ["art"]


def test_a_model_is_carried_to_the_car(art: Art) -> None:
    (art.directory / "out").mkdir()
    (art.directory / "out" / "model.pth").write_bytes(b"weights" * 1000)
    assert art("init").code == 0
    other = art("run", "start", "--name", "other", "-c", "lr=3").out.strip()
    assert art("run", "finish", other).code == 0
    run = art("run", "start", "--name", "training", "-c", "lr=0.1").out.strip()
    assert art("log-artifact", "model", "out", "--run", run).code == 0
    assert art("run", "finish", run).code == 0
    made = art("bundle", "create", "../model.artb", "model:latest", "--json")
    assert made.json["versions"] == ["uncategorized/model:v0"]
    assert art("bundle", "verify", "../model.artb").out == "../model.artb\n"
    car = Art(art.directory.parent)
    assert car("clone", "model.artb", "car").code == 0
    car = Art(art.directory.parent / "car")
    used = car("use", "model:latest", "--root", "here")
    assert harvest(car.directory / "here") == {"model.pth": b"weights" * 1000}
    assert used.code == 0
    assert car("show", "model:v0", "--field", "producer.name").out == "training\n"
    runs = car("runs", "--columns", "name,config.lr")
    assert (runs.code, runs.lines) == (0, ["training\t0.1", "other\t"])
    assert "1 of these runs said is not here" in runs.err
    assert car("why", "model:v0").code == car("search", "training").code == 0
    (art.directory / "out" / "model.pth").write_bytes(b"better" * 1000)
    assert art("log-artifact", "model", "out").code == 0
    assert art("bundle", "create", "../next.artb", "model:v1", "--since", "model:v0").code == 0
    assert car("pull", "../next.artb", "-n").code == 0
    assert car("pull", "../next.artb").code == 0
    assert car("ls", "model", "-q").lines == ["model:v1", "model:v0"]
    assert car("fsck").code == 0


def test_what_is_refused(art: Art) -> None:
    (art.directory / "a").write_bytes(b"a" * 1000)
    assert art("init").code == art("log-artifact", "a", "a").code == 0
    (art.directory / "x.artb").write_bytes(b"nothing of the kind")
    for words, code, slug in (
        (["bundle", "create", "x.artb", "a"], 6, "destination-not-empty"),
        (["bundle", "create", "y.artb"], 2, "nothing-to-bundle"),
        (["bundle", "create", "y.artb", "b"], 5, "no-such-artifact"),
        (["bundle", "create", "y.artb", "a", "--since-remote", "nas"], 5, "no-such-remote"),
        (["bundle", "verify", "x.artb"], 7, "damaged-bundle"),
        (["pull", "x.artb"], 7, "damaged-bundle"),
        (["pull", "x.artb", "a"], 2, "bad-usage"),
        (["clone", "x.artb", "new"], 7, "damaged-bundle"),
        (["bundle", "verify", "nowhere"], 5, "no-such-path"),
    ):
        result = art(*words, "--json")
        assert (result.code, result.error["code"]) == (code, slug), words
    assert not (art.directory / "new").exists()
    assert not (art.directory / "y.artb").exists()
