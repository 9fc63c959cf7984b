"""`art graph` and `art why`: what they print."""

from __future__ import annotations

from pathlib import Path

import pytest

from artcli.catalog import facts
from tests.cli.shelf import TIME
from tests.flows.lineage.lab import Lab, car
from tests.kit.command_line import Art
from tests.kit.story import build, play
from tests.kit.story.levels import LEVELS


@pytest.fixture
def lab(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "timestamp", lambda seconds: TIME)
    monkeypatch.setattr(facts, "this_machine", lambda: "car")
    car(Lab(art.directory)).repository.close()


@pytest.mark.usefixtures("lab")
def test_why(art: Art) -> None:
    result = art("why", "model:latest")
    assert (result.code, result.err) == (0, "")
    assert (
        result.out
        == f"""\
model:v1  (latest)
  made        by run train-2, finished, {TIME} by tester on car
  data        dataset:v1 (training), s3://bucket/more
  code        bbbbbbbbbbbb  on main  python train.py
  config      lr = 0.01, net.depth = 3
  metrics     val_mAP = 0.8
  since v0    dataset:v0 → dataset:v1, none → s3://bucket/more, git.commit aaaaaaaaaaaa → bbbbbbbbbbbb, \
lr 0.1 → 0.01, val_mAP 0.5 → 0.8, 1 file differs
  used by     optimize  optimize  finished
              drive  drive  finished  via model-trt:v0  crashes = 0, laps = 5
"""
    )
    assert len(result.lines) <= 10
    assert art("why", "model:v1", "--field", "metrics.val_mAP").out == "0.8\n"
    assert art("why", "model:v1", "--json").json["later"][1]["summary"] == {"crashes": 0, "laps": 5}
    assert art("why", "model:v7", "--json").error["code"] == "no-such-version"


@pytest.mark.usefixtures("lab")
def test_why_has_room_for_those_that_tell_how_it_did(art: Art) -> None:
    lab = Lab(art.directory)
    for number in range(4):
        with lab.run(f"look-{number}") as run:
            run.use("model:v1")
    lab.repository.close()
    assert art("rm", "-y", "run:train-2").code == 0
    lines = art("why", "model:v1").lines
    assert lines[1].startswith("  made        by run train-2 (deleted), finished, ")
    assert [line.split()[0] for line in lines[-2:]] == ["look-2", "drive"]
    assert lines[-1].endswith("laps = 5  … 3 more")


@pytest.mark.usefixtures("lab")
def test_why_of_what_nobody_recorded(art: Art) -> None:
    assert (
        art("why", "dataset:v0").out
        == f"""\
dataset:v0
  made        by hand: no run logged it, {TIME} by tester on car
  data        none is recorded
  code        none is recorded
  metadata    camera = imx219
  metrics     none
  before      the first one
  used by     train-1  train  finished  val_mAP = 0.5
"""
    )


@pytest.mark.usefixtures("lab")
def test_graph(art: Art) -> None:
    assert (
        art("graph", "model:v1", "--up", "1", "-x").out
        == """\
■ train-2  train  finished
● model:v1  (latest)
■ optimize  optimize  finished
● model-trt:v0  (latest)
■ drive  drive  finished
"""
    )
    assert (
        art("graph", "model:v1").out
        == """\
◇ s3://…

● dataset
■ train  ← s3://…
● model  2 versions
├─■ optimize  ↻ model
└─■ drive
"""
    )
    assert art("graph", "--as", "mermaid").out.startswith("flowchart LR\n")
    document = art("graph", "run:drive", "--as", "json", "-x").json
    assert document == art("graph", "run:drive", "--json", "--explode").json
    assert [node["label"] for node in document["nodes"] if node["focus"]] == ["drive"]
    assert art("graph", "--as", "svg").out.startswith("<svg ")
    assert "drive" in art.on_terminal("graph", "--no-pager").out
    assert art("graph", "--as", "png", "--json").error["code"] == "bad-value"
    assert art("graph", "-x", "--level", "type", "--json").error["code"] == "bad-usage"
    assert art("graph", "modle", "--json").error["code"] == "no-such-artifact"


def test_graph_of_nothing(art: Art) -> None:
    art("init")
    result = art("graph")
    assert (result.code, result.out, result.err) == (0, "", "no versions and no runs in project 'uncategorized'\n")
    assert Path(art.directory, ".art").is_dir()


@pytest.mark.usefixtures("lab")
def test_history_as_a_graph(art: Art) -> None:
    assert (
        art("log", "model", "--graph").out
        == f"""\
● model:v1  (latest)  {TIME}
■ train-2  train  finished  {TIME}
├─● dataset:v1  (latest)  {TIME}
└─◇ s3://bucket/more

● model:v0  {TIME}
■ train-1  train  finished  {TIME}
● dataset:v0  {TIME}
"""
    )
    assert len(art("log", "--graph").lines) == 11
    assert art("log", "run:drive", "--graph", "-n", "2").lines == [
        f"■ drive  drive  finished  {TIME}", f"● model-trt:v0  (latest)  {TIME}"
    ]  # fmt: skip
    assert art("log", "modle", "--graph", "--json").code == 2
    assert art("log", "modle", "--graph").code == 5


def test_twenty_times_trained_on(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network of the story, each round a run that uses the round before: one column, however deep."""

    def call(words: tuple[str, ...]) -> None:
        if words[:2] != ("log-artifact", "model"):
            assert art(*words).code == 0, words
            return
        run = art("run", "start", "--job-type", "tune", "--no-git").out.strip()
        monkeypatch.setenv("ART_RUN_ID", run)
        if before := [word.partition("base=")[2] for word in words if word.startswith("base=")]:
            assert art("use", before[0], "--root", "start").code == 0
        assert art(*words).code == 0
        monkeypatch.delenv("ART_RUN_ID")
        assert art("run", "finish", run).code == 0

    steps = [step for step in build("tree", "S", art.directory) if "deep" not in str(step.commands)]
    play(steps, call)
    drawn = art("graph", "model:best", "--explode").lines
    assert len(drawn) == 2 * LEVELS
    assert [line.split("  ")[0] for line in drawn if line.startswith("●")] == [f"● model:v{n}" for n in range(LEVELS)]
    assert max(map(len, drawn)) < 80
    assert art("graph", "model:v10", "--up", "2", "--down", "2", "-x").lines == drawn[19:24]
    assert "since v18" in art("why", "model:best").out
