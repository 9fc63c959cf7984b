"""Ten shells log to one run at once: nothing is lost, nothing is said twice, and few files are left."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal
from artcli.catalog.runs.register import Register
from artcli.flows.runs.rows import SEAL_SIZE
from tests.kit.nursery import Nursery, environment
from tests.kit.victim import Victim

WRITERS = 10
MOST_FILES = 10


def files(victim: Victim) -> set[Path]:
    return {path for path in victim.art.rglob("*") if path.is_file()}


def check(victim: Victim, run: str, calls: int, before: set[Path], *, sealed: bool) -> None:
    """All rows are there, some of them `sealed`; then the run ends, and they still are."""
    for live in (True, False):
        if not live:
            victim.must("run", "finish", run)
        assert len(files(victim) - before) <= MOST_FILES
        with closing(Repository(victim.art)) as repository:
            rows = [record for record in journal.everything(repository, run) if record.kind == "history"]
            assert any(Register(repository.follower.database).segments(run)) or (live and not sealed)
        assert sorted(record.data["n"] for record in rows) == list(range(calls))
        assert [record.step for record in rows] == list(range(calls))


@pytest.mark.parametrize("each", [30])
def test_ten_at_once(each: int, nursery: Nursery, swift: Path) -> None:
    """So much is said that the spool is sealed meanwhile."""
    victim = Victim(swift, nursery)
    run = victim.must("run", "start").out.strip()
    before = files(victim)
    pad = "pad=" + "x" * (SEAL_SIZE // (WRITERS * each) + 1000)
    commands = [
        [["log-metrics", "--run", run, f"n={writer * each + number}", pad] for number in range(each)]
        for writer in range(WRITERS)
    ]
    children = [nursery.start([], victim.directory, repeat=some) for some in commands]
    for child in children:
        ended = child.wait()
        assert ended.code == 0, ended
    check(victim, run, WRITERS * each, before, sealed=True)


LOOP = 'for n in $(seq {first} {last}); do {python} -m artcli log-metrics n=$n loss=0.5 "note={pad}" || exit; done'


@pytest.mark.soak
def test_ten_thousand_calls_by_ten_shells_at_once(nursery: Nursery, swift: Path) -> None:
    """ART_TEST_CALLS: fewer of them."""
    calls = int(os.environ.get("ART_TEST_CALLS", "10000"))
    each = calls // WRITERS
    victim = Victim(swift, nursery)
    run = victim.must("run", "start").out.strip()
    before = files(victim)
    shells = []
    for writer in range(WRITERS):
        words = LOOP.format(first=writer * each, last=(writer + 1) * each - 1, python=sys.executable, pad="x" * 80)
        environ = {**environment(), "ART_RUN_ID": run}
        shells.append(subprocess.Popen(["sh", "-c", words], cwd=victim.directory, env=environ))
    assert [shell.wait() for shell in shells] == [0] * WRITERS
    check(victim, run, each * WRITERS, before, sealed=calls >= 10_000)
