"""`art runs`, `art run show`, `art run logs`, `art compare`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from artcli.catalog.repository import Repository
from artcli.catalog.runs.records import Record
from artcli.flows.runs.recorder import Beginning, Recorder
from tests.kit.command_line import Art


@pytest.fixture
def runs(art: Art) -> list[str]:
    """Ids of two runs of training."""
    art("init")
    repository = Repository(Path(art.directory) / ".art")
    ids = []
    for number in range(2):
        beginning = Beginning(
            "uncategorized", f"train-{number}", "train", config={"lr": 0.1, "depth": number}, id=f"r{number}"
        )
        run = Recorder.begin(repository, beginning)
        run.say(
            [
                Record("console", 1e9, {"stream": stream, "text": f"{stream} {number}\n"})
                for stream in ("stdout", "stderr")
            ]
        )
        for step in range(3):
            run.log({"loss": 1 / (step + 1 + number)})
        run.finish("finished", 0)
        ids.append(run.run)
    repository.close()
    return ids


def test_runs(art: Art, runs: list[str]) -> None:
    assert art("runs", "-q").lines == ["r1", "r0"]
    assert [line.split("\t")[:4] for line in art("run", "ls").lines] == [
        ["r1", "train-1", "finished", "train"],
        ["r0", "train-0", "finished", "train"],
    ]
    assert art("runs", "--columns", "name,config.depth,loss", "--sort", "loss").lines == [
        f"train-1\t1\t{1 / 4}",
        f"train-0\t0\t{1 / 3}",
    ]
    (item,) = art("runs", "--where", "depth=1", "--json").json["items"]
    assert (item["config"], item["summary"], item["rows"]) == ({"lr": 0.1, "depth": 1}, {"loss": 0.25}, 3)
    assert art("runs", "--filter", "depth=1 or", "--json").error["code"] == "bad-filter"


def test_groups(art: Art, runs: list[str]) -> None:
    assert art("runs", "--group-by", "job_type,config.lr", "--sort", "loss").lines == [
        "train\t0.1\t2\t2\t0\t0\t0\t0\t0.25"
    ]
    (group,) = art("runs", "--group-by", "job_type", "--json").json["items"]
    assert (group["group"], group["runs"], group["states"]) == ({"job_type": "train"}, 2, {"finished": 2})
    assert group["best"] == {"loss": {"value": 0.25, "id": "r1", "name": "train-1"}}


def test_a_group_by_a_field_of_the_groups_themselves(art: Art, runs: list[str]) -> None:
    result = art("runs", "--group-by", "finished,group", "--columns", "loss", "--header")
    assert result.lines[0].split("\t")[:3] == ["by finished", "by group", "runs"]
    assert result.lines[1].split("\t")[1:3] == ["", "1"]
    (group,) = art("runs", "--group-by", "group", "--json").json["items"]
    assert (group["group"], group["by group"]) == ({"group": None}, None)


def test_a_run_that_lost_something_is_told(art: Art, runs: list[str]) -> None:
    for pack in (art.directory / ".art" / "packs").rglob("*/*"):
        pack.unlink()
    result = art("runs")
    assert (len(result.lines), result.err) == (
        2, "warning: what 2 of these runs said cannot be read whole: art fsck\n",
    )  # fmt: skip
    assert "warning: not all of it can be read" in art("run", "show", "r0").err


def test_no_runs_yet(art: Art) -> None:
    art("init")
    result = art("runs")
    assert (result.code, result.out, result.err) == (0, "", "no runs yet; art run -- COMMAND makes one\n")


def test_keys_that_no_run_has_are_told_of(art: Art, runs: list[str]) -> None:
    result = art("runs", "--sort", "-los", "--columns", "name,zzz,config.depth,used", "-q")
    assert (result.code, result.lines) == (0, ["r1", "r0"])
    assert result.err.splitlines() == [
        "warning: none of these runs has 'los'; did you mean 'loss'?",
        "warning: none of these runs has 'zzz'",
    ]
    assert "none of these runs has 'config.dept'; did you mean 'depth'?" in art("runs", "--group-by", "config.dept").err
    assert art("runs", "--limit", "0").err == ""
    art("run", "start", "-p", "other")
    assert art("runs", "--state", "crashed").err == ""


def test_the_card_of_a_run(art: Art, runs: list[str]) -> None:
    assert art("run", "show", "-2", "--field", "config.depth").out == "0\n"
    card = art("run", "show", "train-1").out
    assert card.startswith(
        "train-1  r1\n  state       finished, exit 0\n  of          project uncategorized, job train\n"
    )
    assert "  config      lr = 0.1\n              depth = 1\n  summary     loss = 0.25\n  history     3 rows\n" in card
    document = art("run", "show", "-1", "--json").json
    assert document["metrics"]["loss"]["greatest"] == 0.5
    assert art("run", "show", "train-9", "--json").error["code"] == "no-such-run"
    assert "█▃▁" in art.on_terminal("run", "show", "-1").out


def test_where_a_run_has_a_page(art: Art, runs: list[str]) -> None:
    assert art("run", "show", "r1", "--json").json["page"] is None
    assert "page" not in art("run", "show", "r1").out + art("run", "--", "true").err
    remotes = {"authority": "0" * 32, "remotes": {"nas": {"url": "https://nas/team", "place": "0" * 32}}}
    (art.directory / ".art" / "local" / "remotes.json").write_text(json.dumps(remotes))
    url = "https://nas/team/p/uncategorized/runs/r1"
    assert art("run", "show", "r1", "--json").json["page"] == url
    assert f"  page        {url} once it is pushed\n" in art("run", "show", "r1").out
    last = art("run", "--", "true").err.splitlines()[-1]
    assert last.startswith("its page: https://nas/team/p/uncategorized/runs/")
    assert last.endswith(" once it is pushed")


def test_what_a_run_wrote(art: Art, runs: list[str]) -> None:
    assert art("run", "logs", "-1").out == "stdout 1\nstderr 1\n"
    assert art("run", "logs", "-1", "--stream", "err").out == "stderr 1\n"
    assert art("run", "logs", "-1", "--tail", "1").out == "stderr 1\n"
    assert art("run", "logs", "-1", "-f").out == "stdout 1\nstderr 1\n"
    assert [line["text"] for line in art("run", "logs", "-1", "--json").json_lines] == ["stdout 1\n", "stderr 1\n"]
    assert art("run", "logs", "-1", "-f", "--tail", "1").out == "stderr 1\n"
    assert [line["text"] for line in art("run", "logs", "-1", "--json", "--tail", "1").json_lines] == ["stderr 1\n"]
    assert {line["schema"] for line in art("run", "logs", "-1", "--json").json_lines} == {"art.console/1"}
    assert art("run", "logs", "-1", "--stream", "x", "--json").error["code"] == "no-such-stream"


def test_side_by_side(art: Art, runs: list[str]) -> None:
    lines = art("compare", "-1", "-2", "--diff-only").lines
    assert "config\tdepth\t1\t0" in lines
    assert f"summary\tloss\t0.25\t{1 / 3}" in lines
    assert not any("lr" in line for line in lines)
    items = {item["key"]: item for item in art("compare", "r0", "r1", "--json").json["items"]}
    assert (items["lr"]["differs"], items["depth"]["values"]) == (False, {"r0": 0, "r1": 1})
    assert art("compare", "r0", "--json").error["code"] == "nothing-to-compare"


def test_charts(art: Art, runs: list[str]) -> None:
    out = art("compare", "r0", "--plot", "loss").lines
    assert (out[0], len(out)) == ("loss  train-0  last 0.333333", 9)
    assert out[1].startswith("       1 ┤⠉")
    assert out[6].startswith("0.333333 ┤")
    first, _ = art("compare", "r0", "r1", "--plot", "loss", "--json").json["items"]
    assert (first["metric"], first["run"], first["points"]) == ("loss", "r0", [[0, 1], [1, 1 / 2], [2, 1 / 3]])
    failed = art("compare", "r0", "r1", "--plot", "loss", "--plot", "los")
    assert failed.out == ""
    assert failed.err.startswith("error: none of these runs logged 'los'\n  metrics: loss\n")
    assert (failed.code, "no-such-metric" in art("help", "no-such-metric").out) == (5, True)


def test_numbers_that_json_lacks(art: Art, runs: list[str]) -> None:
    repository = Repository(art.directory / ".art")
    run = Recorder.begin(repository, Beginning("uncategorized", "wild", id="wild"))
    run.log({"loss": float("nan"), "most": float("inf"), "least": 1.0})
    run.finish("failed", 1)
    repository.close()
    result = art("run", "show", "wild", "--json")
    document = json.loads(result.out, parse_constant=lambda word: pytest.fail(f"no JSON: {word}"))
    assert document["summary"] == {"loss": None, "most": None, "least": 1.0}
    assert art("run", "show", "wild", "--field", "summary.loss").out == "nan\n"
    assert art("runs", "--sort", "loss", "-q").lines[-1] in ("r0", "wild")
    assert art.on_terminal("run", "show", "wild").code == 0


def test_runs_of_another_project_are_told_of(art: Art) -> None:
    art("init")
    art("run", "start", "-p", "car", "--name", "lap")
    result = art("runs")
    assert (result.code, result.out) == (0, "")
    assert result.err == "none in project 'uncategorized'; --all-projects lists those of car\n"
    assert "lap" in art("runs", "--all-projects").out
