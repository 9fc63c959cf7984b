"""`art reproduce`: its errors and its script; that it works is tested with the flow."""

from __future__ import annotations

from tests.flows.lineage.lab import Lab, car
from tests.kit.command_line import Art


def test_reproduce(art: Art) -> None:
    car(Lab(art.directory)).repository.close()
    result = art("reproduce", "model:v1")
    assert result.code == 0
    assert result.out.startswith("#!/bin/sh\n# does run train-2 (")
    assert "\n  -- python train.py\n" in result.out
    assert "commit bbbbbbbbbbbb is not in" in result.err
    assert art("reproduce", "run:train-2", "--script").out == result.out
    document = art("reproduce", "run:train-2", "--json").json
    assert (document["schema"], document["script"]) == ("art.recipe/1", result.out)
    assert any(text.startswith("commit bbbbbbbbbbbb is not in") for text in document["missing"])
    assert art("reproduce", "run:train-2", "--run").err.count("commit bbbbbbbbbbbb is not in") == 1
    assert art("reproduce", "run:train-2", "--check", "--json").error["code"] == "cannot-reproduce"
    assert art("reproduce", "dataset:v0", "--json").error["code"] == "no-run-made-it"
    assert art("reproduce", "run:drive", "--json").error["code"] == "no-command-recorded"
    assert art("reproduce", "run:drive", "--check", "--run").code == 2
    assert art("rm", "-y", "run:train-2").code == 0
    assert art("reproduce", "model:v1", "--json").error["code"] == "run-deleted"
