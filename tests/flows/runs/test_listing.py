"""Runs as a list: filters, orders, groups; runs side by side; what they said on the console."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artcli.catalog.runs import filters
from artcli.catalog.runs.records import Record
from artcli.errors import UsageError
from artcli.flows.runs import listing, logs
from artcli.flows.runs.compare import compare
from artcli.flows.runs.listing import Query, Row
from artcli.flows.runs.seal import seal
from tests.catalog.runs.gauge import Gauge


@pytest.fixture
def gauge(tmp_path: Path) -> Iterator[Gauge]:
    """Four runs of training and one of labelling."""
    made = Gauge(tmp_path)
    for number, (lr, value) in enumerate([(0.1, 0.5), (0.1, 0.7), (0.01, 0.9), (0.01, 0.8)]):
        run = made.begin(name=f"train-{number}", job_type="train", config={"lr": lr, "net": {"depth": number}})
        made.log(run, {"val_mAP": value, "loss": 1 - value})
        run.finish("failed" if number == 3 else "finished", 0)
    made.begin(name="label-0", job_type="label", tags=["night"])
    yield made
    made.repository.close()


def names(gauge: Gauge, **query: object) -> list[str]:
    return [row.view.run.name for row in listing.runs(gauge.repository, Query("uncategorized", **query))]  # type: ignore[arg-type]


def test_newest_first(gauge: Gauge) -> None:
    assert names(gauge) == ["label-0", "train-3", "train-2", "train-1", "train-0"]
    assert names(gauge, limit=2) == ["label-0", "train-3"]
    assert listing.runs(gauge.repository, Query("elsewhere")) == []


def test_by_what_they_are(gauge: Gauge) -> None:
    assert (
        names(gauge, job_type="label") == names(gauge, tag="night") == names(gauge, states=["running"]) == ["label-0"]
    )
    assert names(gauge, states=["failed", "running"]) == ["label-0", "train-3"]
    with pytest.raises(UsageError, match="no state 'fine'") as raised:
        names(gauge, states=["fine"])
    assert raised.value.slug == "unknown-state"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("config.lr=0.1", ["train-1", "train-0"]),
        ("lr = 0.1 and val_mAP>0.6", ["train-1"]),
        ("summary.val_mAP>=.8 and not state=failed", ["train-2"]),
        ("net.depth<1 or net.depth==3", ["train-3", "train-0"]),
        ("(lr=0.1 or lr=0.01) and (depth=1 or net.depth=1)", ["train-1"]),
        ("NOT job_type=train", ["label-0"]),
        ("tag!=night AND exit=0 and net.depth>1", ["train-3", "train-2"]),
        ('name="label-0"', ["label-0"]),
        ("lr!=0.1", ["label-0", "train-3", "train-2"]),
    ],
)
def test_expressions(gauge: Gauge, text: str, found: list[str]) -> None:
    assert names(gauge, conditions=[filters.expression(text)]) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lr",
        "lr=",
        "(lr=1",
        "lr=1)",
        "lr=1 lr=2",
        "and lr=1",
        "lr=1 or",
        "(" * 60 + "a=1" + ")" * 60,
        "lr<<1",
        "lr=>1",
    ],
)
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(UsageError, match="not a filter"):
        filters.expression(text)


@given(st.text(st.sampled_from("ab=<>!()\"' .\\") | st.characters(), max_size=30))
def test_any_text_is_an_expression_or_a_mistake(text: str) -> None:
    for read in (filters.expression, filters.condition):
        with suppress(UsageError):
            read(text)(lambda key: [])


def test_orders(gauge: Gauge) -> None:
    assert names(gauge, sort="-val_mAP") == ["train-2", "train-3", "train-1", "train-0", "label-0"]
    assert names(gauge, sort="summary.val_mAP")[0] == "train-0"
    assert names(gauge, sort="name")[0] == "label-0"


def test_groups(gauge: Gauge) -> None:
    found = listing.runs(gauge.repository, Query())
    by_lr = listing.groups(found, ["job_type", "config.lr"], ["val_mAP"], "-val_mAP")
    assert [(dict(group.keys), len(group.rows)) for group in by_lr] == [
        ({"job_type": "train", "config.lr": 0.01}, 2),
        ({"job_type": "train", "config.lr": 0.1}, 2),
        ({"job_type": "label", "config.lr": None}, 1),
    ]
    assert [group.best["val_mAP"].value for group in by_lr[:2]] == [0.9, 0.7]
    assert by_lr[0].states == {"failed": 1, "finished": 1}
    (first,) = listing.groups(found[1:], ["job_type"], [])
    assert {metric: best.row.view.run.name for metric, best in first.best.items()} == {
        "val_mAP": "train-2",
        "loss": "train-2",
    }


def test_the_best_is_what_define_metric_says(gauge: Gauge) -> None:
    for value in (3, 5):
        run = gauge.begin(job_type="score")
        gauge.say(run, "define", metric="badness", summary="max")
        gauge.log(run, {"badness": value})
        gauge.log(run, {"badness": 0})
    found = listing.runs(gauge.repository, Query(job_type="score"))
    (group,) = listing.groups(found, ["job_type"], [])
    assert group.best["badness"].value == 5


def test_side_by_side(gauge: Gauge) -> None:
    found = {row.view.run.name: row for row in listing.runs(gauge.repository, Query())}
    ids = [found[name].view.run.id for name in ("train-0", "train-2")]
    rows, lines = compare(gauge.repository, ids, "val*")
    assert [row.view.run.id for row in rows] == ids
    told = {(line.section, line.key): line.values for line in lines if line.differs}
    assert told == {
        ("config", "lr"): [0.1, 0.01],
        ("config", "net.depth"): [0, 2],
        ("summary", "val_mAP"): [0.5, 0.9],
    }


def test_nothing_is_a_value_of_its_own(gauge: Gauge) -> None:
    row: Row = listing.runs(gauge.repository, Query(job_type="label"))[0]
    assert (row.value("config.lr"), row.value("no.such.key"), row.values("lr")) == (None, None, [])


def test_the_console_as_it_goes_on(gauge: Gauge) -> None:
    run = gauge.begin()

    def say(text: str, stream: str = "stdout") -> None:
        run.say([Record("console", 1e9, {"stream": stream, "text": text})])

    steps: Iterator[Callable[[], object]] = iter(
        [
            lambda: say("two\n"),
            lambda: seal(gauge.repository, run.spool),
            lambda: say("three\nfour", "stderr"),
            lambda: run.finish(),
        ]
    )
    say("one\n")
    found = list(logs.follow(gauge.repository, run.run, sleep=lambda _: next(steps)()))
    assert [logs.text(record) for record in found] == ["one\n", "two\n", "three\nfour"]
    assert [logs.text(record) for record in logs.pieces(gauge.repository, run.run, "stderr")] == ["three\nfour"]
    assert last_lines(logs.follow(gauge.repository, run.run, last=1)) == "four"
    for count, wanted in [
        (0, ""),
        (1, "four"),
        (2, "three\nfour"),
        (3, "two\nthree\nfour"),
        (9, "one\ntwo\nthree\nfour"),
    ]:
        assert "".join(map(logs.text, logs.last(gauge.repository, run.run, count))) == wanted
    assert "".join(map(logs.text, logs.last(gauge.repository, run.run, 1, "stdout"))) == "two\n"


def last_lines(found: Iterable[Record], *count: int) -> str:
    return "".join(map(logs.text, logs.tail(found, *count) if count else found))


@given(st.lists(st.text(alphabet="a\n", max_size=5)), st.integers(0, 6))
def test_the_last_lines(texts: list[str], count: int) -> None:
    records = [Record("console", 1e9, {"stream": "stdout", "text": text}) for text in texts]
    lines = "".join(texts).splitlines(keepends=True)
    assert last_lines(records, count) == "".join(lines[-count:] if count else [])
