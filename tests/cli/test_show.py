from __future__ import annotations

import pytest

from tests.cli.shelf import TIME, fill
from tests.flows.lineage.lab import Lab, car
from tests.kit.command_line import Art


def test_show_a_version(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fill(art, monkeypatch)
    art("alias", "data:v0", "best")
    art("edit", "data:v0", "--note", "One.\n\nTwo.", "--set", "o=[1]", "--set", "s=x")
    art("edit", "data", "--description", "all of them")
    version = made.catalog.numbered(2, 0)
    assert version
    result = art("show", "data:v0", "--files")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "data:v0  (latest, best)\n"
        "  about       pictures\n"
        "              of the table\n"
        "  type        dataset, of project uncategorized\n"
        f"  digest      {version.digest}\n"
        "  size        301 B in 2 files\n"
        f"  added       1 of 2 files new, 100 %, {version.stored} B stored\n"
        f"  logged      {TIME} by tester on car\n"
        "  metadata    o = [1]\n"
        "              s = x\n"
        "  note        One.\n"
        "\n"
        "              Two.\n"
        "  data        all of them\n"
        f"  id          {version.id}\n"
        "  files       a.txt\n"
        "              dir/b\n"
    )
    assert art("show", "data", "--field", "metadata.o.0").out == "1\n"
    assert art("show", "data", "--field", "producer.machine").out == "car\n"
    assert art("show", version.digest[:12], "-q").out == "data:v0\n"
    document = art("show", "data", "--json", "--files").json
    assert (document["schema"], document["files"]) == ("art.version/1", ["a.txt", "dir/b"])
    assert document["artifact"]["description"] == "all of them"


def test_show_who_made_and_used_it(art: Art) -> None:
    car(Lab(art.directory)).repository.close()
    result = art("show", "model:v1")
    assert "  by run      train-2  train\n  used by     optimize\n" in result.out
    assert art("show", "model:v1", "--field", "producer.config.net.depth").out == "3\n"
    document = art("show", "model:v1", "--json").json
    assert (document["producer"]["name"], document["used_by"]) == ("train-2", ["optimize"])
    assert art("show", "dataset:v0", "--json").json["producer"]["run"] is None
    lab = Lab(art.directory)
    for number in range(7):
        with lab.run(f"look-{number}") as run:
            run.use("model:v1")
    lab.repository.close()
    newest = ", ".join(f"look-{number}" for number in (6, 5, 4, 3, 2, 1))
    assert f"  used by     {newest}, … 2 more\n" in art("show", "model:v1").out


def test_show_what_is_in_one(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    result = art("show", "data/dir")
    assert result.out == (
        f"dir/\n  in          data:v0, latest\n  kind        directory\n  size        1 B in 1 file\n"
        f"  logged      {TIME} by tester\n"
    )
    (art.directory / "mine").write_bytes(b"a" * 300)
    assert art("show", "mine", "--field", "ref") == (0, b"data:v0\n", b"")
    assert art("show", "./mine", "--format", "{path} {kind} {size}").out == "a.txt file 300\n"


def test_show_a_change(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    art("edit", "model:v0", "--set", "lr=1", "-m", "tried")
    id = art("log", "-n", "1", "-q").out.strip()
    assert art("show", id[:12]).out == (
        f"model:v0  metadata.lr: 0.0 → 1\n  by          {TIME} by tester on car: tried\n"
        f"  old         0.0\n  new         1\n  id          {id}\n"
    )


def test_show_nothing(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    result = art("show", "model:bset")
    assert (result.code, result.out) == (5, "")
    assert result.err == (
        "error: no alias 'bset' in artifact 'model'\n"
        "  project: uncategorized   versions: v0–v2   aliases: latest\n"
        "hint: art ls model\n"
    )
