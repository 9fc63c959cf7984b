"""Words are found wherever somebody or something wrote them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.catalog.runs.records import Record
from artcli.errors import UsageError
from artcli.flows.query.search import Hit, search
from artcli.flows.runs.recorder import Recorder
from artcli.flows.runs.seal import seal
from tests.catalog.runs.gauge import Gauge
from tests.flows.workshop import Workshop


@pytest.fixture
def gauge(tmp_path: Path) -> Iterator[Gauge]:
    Workshop(tmp_path).log("data", {"a": b"a"}, description="Helmets, by night", metadata={"weather": "rainy"})
    made = Gauge(tmp_path)
    yield made
    made.repository.close()


def write(run: Recorder, text: str) -> None:
    run.say([Record("console", 1e9, {"stream": "stderr", "text": text})])


def refs(gauge: Gauge, text: str, *places: str) -> list[str]:
    return [hit.ref for hit in (search(gauge.repository, text, places) if places else search(gauge.repository, text))]


def test_notes_and_metadata(gauge: Gauge) -> None:
    assert search(gauge.repository, "helmet") == [Hit("notes", "data:v0", "description", "Helmets, by night")]
    assert refs(gauge, "rain", "metadata") == ["data:v0"]
    assert refs(gauge, "rain", "notes") == []
    run = gauge.begin(id="one", notes="a Schönes Modell", tags=["night"], config={"arch": "resnet18"})
    assert refs(gauge, "schon model") == ["run:one"]
    assert refs(gauge, "resnet", "metadata") == ["run:one"]
    assert sorted(refs(gauge, "night")) == ["data:v0", "run:one"]
    assert run.run == "one"


def test_config_of_a_run_that_is_not_over(gauge: Gauge) -> None:
    """It changes without the log moving on."""
    run = gauge.begin(id="one", config={"animal": "zebra"})
    for _ in range(2):
        assert refs(gauge, "zebra") == ["run:one"]
    run.set("config", {"animal": "hippopotamus"})
    assert (refs(gauge, "hippo"), refs(gauge, "zebra")) == (["run:one"], [])
    run.finish()
    assert refs(gauge, "hippo") == ["run:one"]


def test_an_alias(gauge: Gauge, tmp_path: Path) -> None:
    Workshop(tmp_path).log("data", {"a": b"b"}, aliases=["best-of-all"])
    assert refs(gauge, "best of all") == ["data:v1"]
    assert refs(gauge, "latest") == []


def test_logs_of_live_and_of_sealed_runs(gauge: Gauge) -> None:
    run = gauge.begin(id="one")
    write(run, "CUDA out of memory\n")
    for _ in range(2):
        assert refs(gauge, "cuda memory", "logs") == ["run:one"]
    write(run, "x " * 5000)
    seal(gauge.repository, run.spool)
    write(run, "once more: cuda\n")
    assert refs(gauge, "cuda", "logs") == ["run:one", "run:one"]
    run.finish()
    assert refs(gauge, "cuda", "logs") == ["run:one", "run:one"]
    (gauge.repository.path / "cache" / "search.db").write_bytes(b"damaged")
    assert refs(gauge, "cuda", "logs") == ["run:one", "run:one"]


@pytest.mark.parametrize("text", ['a" OR b', "NEAR(a b)", "ref:data", "*", "-night", "a AND"])
def test_signs_mean_nothing(gauge: Gauge, text: str) -> None:
    if text == "*":
        with pytest.raises(UsageError) as raised:
            search(gauge.repository, text)
        assert raised.value.slug == "nothing-to-search"
    else:
        search(gauge.repository, text)


def test_a_place_that_is_none(gauge: Gauge) -> None:
    with pytest.raises(UsageError, match="no place 'files'"):
        search(gauge.repository, "x", ["files"])
