"""Files that are written while they are read: a version holds one state of each, or the file is refused by name.

Every state of a file here is one line again and again, so that a mixture of two would show.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from artcli.catalog.repository import Repository
from artcli.errors import ArtError
from artcli.files import reader
from artcli.files.seen import Stat
from artcli.files.sources import Source
from artcli.flows.log_artifact import Logged, Request, log_artifact
from tests.kit import trees
from tests.kit.trees import Leaf

LINE = 64
SMALL, LARGE = 50 * LINE, 9 << 20
"""Bytes; the large one is read in three blocks."""


def state(generation: int, size: int) -> bytes:
    return (b"%063d\n" % generation) * (size // LINE)


def generation_of(data: bytes) -> int:
    """Which state this is; −1 for one without any line."""
    lines = set(data.splitlines(keepends=True))
    assert len(lines) <= 1, f"a mixture of {len(lines)} states"
    return int(lines.pop()) if lines else -1


# --- what may happen to a file ---


def rewrite(path: Path, generation: int) -> None:
    with path.open("r+b") as file:
        file.write(state(generation, path.stat().st_size))


def rewrite_in_secret(path: Path, generation: int) -> None:
    """With the size and the times that it had."""
    before = path.stat()
    rewrite(path, generation)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def truncate(path: Path, generation: int) -> None:
    size = path.stat().st_size
    path.write_bytes(state(generation, size // 2))


def append(path: Path, generation: int) -> None:
    with path.open("ab") as file:
        file.write(path.read_bytes()[:LINE] * 3)


def replace(path: Path, generation: int) -> None:
    fresh = path.with_name("fresh")
    fresh.write_bytes(state(generation, path.stat().st_size))
    os.replace(fresh, path)


def replace_by_small(path: Path, generation: int) -> None:
    path.unlink()
    path.write_bytes(state(generation, SMALL))


def replace_by_large(path: Path, generation: int) -> None:
    path.unlink()
    path.write_bytes(state(generation, LARGE))


def remove(path: Path, generation: int) -> None:
    path.unlink()


def replace_by_link(path: Path, generation: int) -> None:
    path.unlink()
    path.symlink_to("elsewhere")


def replace_by_folder(path: Path, generation: int) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_bytes(state(generation, SMALL))


def replace_by_fifo(path: Path, generation: int) -> None:
    path.unlink()
    os.mkfifo(path)


def make_executable(path: Path, generation: int) -> None:
    path.chmod(0o755)


MEDDLINGS: list[Callable[[Path, int], None]] = [
    rewrite, rewrite_in_secret, truncate, append, replace, replace_by_small, replace_by_large, remove, replace_by_link,
    replace_by_folder, replace_by_fifo, make_executable,
]  # fmt: skip

Meddler = Callable[[], None]


class Meddled:
    """The reader, which meets the meddler at each moment of a file's being read.

    It comes in the thread that reads, so that no call of its is under way while another one reads on.
    """

    def __init__(self, patch: pytest.MonkeyPatch, path: Path, meddle: Callable[[Path, int], None], moment: int) -> None:
        """It comes at the `moment`-th (from 1), or each time (0)."""
        self.moments = 0
        self.path = path
        self.meddle = meddle
        self.moment = moment
        self._thread = threading.local()
        for name in ("_open", "_fill", "_is_other", "_let_settle"):
            patch.setattr(reader, name, self._after(getattr(reader, name)))

    def _after(self, function: Any) -> Any:
        def meddled(*arguments: Any) -> Any:
            result = function(*arguments)
            if not self._is_about_it(arguments[0]):
                return result
            self.moments += 1
            if self.moment in (0, self.moments):
                self.meddle(self.path, 100 + self.moments)
            return result

        return meddled

    def _is_about_it(self, what: bytes | Stat | int) -> bool:
        """Whether a call is about the file: about its path or what was seen of it, or in what follows in the thread."""
        if isinstance(what, bytes):
            self._thread.reads_it = what == bytes(self.path)
        elif isinstance(what, Stat):
            self._thread.reads_it = os.path.lexists(self.path) and what.inode == self.path.lstat().st_ino
        return bool(self._thread.reads_it)


@pytest.fixture
def repository(swift: Path) -> Iterator[Repository]:
    repository, _ = Repository.init(swift)
    yield repository
    repository.close()


def log(repository: Repository, folder: Path, **more: Any) -> Logged:
    return log_artifact(
        repository, Request("d", "uncategorized", [Source(bytes(folder))], allow_empty=True, workers=2, **more)
    )


def content(repository: Repository, logged: Logged) -> dict[str, Leaf]:
    assert logged.version
    return trees.content(repository.store, logged.version)


def check(held: dict[str, Leaf]) -> None:
    for leaf in held.values():
        if isinstance(leaf, (bytes, trees.Program)):
            generation_of(leaf.data if isinstance(leaf, trees.Program) else leaf)


def attempt(repository: Repository, folder: Path) -> ArtError | None:
    """Log it; why it was refused, if it was."""
    try:
        logged = log(repository, folder)
    except ArtError as error:
        return error
    check(content(repository, logged))
    return None


@pytest.mark.parametrize("meddle", MEDDLINGS)
@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_at_each_moment(size: int, meddle: Callable[[Path, int], None], repository: Repository, swift: Path) -> None:
    folder = swift / "data"
    moment = 1
    while True:
        trees.plant(folder, {"a": b"1", "f": state(moment, size), "z": b"2"})
        with pytest.MonkeyPatch.context() as patch:
            meddled = Meddled(patch, folder / "f", meddle, moment)
            refusal = attempt(repository, folder)
        assert refusal is None or (refusal.slug, refusal.facts[0][:3]) == ("unreadable-files", "f: ")
        if not (folder / "f").is_fifo():
            held = content(repository, log(repository, folder))
            assert held == trees.harvest(folder), f"the stat cache was fooled at moment {moment}"
        if meddled.moments < moment:
            break
        moment += 1
    assert moment > 3


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_file_that_never_rests_is_refused_by_name(size: int, repository: Repository, swift: Path) -> None:
    folder = swift / "data"
    trees.plant(folder, {"a": b"1", "f": state(0, size)})
    with pytest.MonkeyPatch.context() as patch:
        Meddled(patch, folder / "f", rewrite_in_secret, 0)
        with pytest.raises(ArtError, match="no version was made") as caught:
            log(repository, folder)
        assert caught.value.facts == ("f: it changed each of the 3 times it was read",)
        logged = log(repository, folder, keep_going=True)
        assert content(repository, logged) == {"a": b"1"}
        assert [problem.path for problem in logged.problems] == [b"f"]
    assert content(repository, log(repository, folder)) == trees.harvest(folder)


def meddle_for_ever(folder: Path, seed: int) -> None:
    """Another process's work: to change files all the time. Each change is one call, or shows in the file's times."""
    chance = random.Random(seed)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    for generation in range(1, 1 << 60):
        path = chance.choice(paths)
        size = chance.choice([3 * LINE, SMALL, 300 * SMALL, 1000 * SMALL])
        how = chance.randrange(4)
        if how == 0 and path.exists():
            with path.open("r+b") as file:
                file.write(state(generation, path.stat().st_size))
        elif how == 1 and path.exists():
            os.truncate(path, path.stat().st_size // LINE // 2 * LINE)
        elif how == 2 and path.exists():
            path.unlink()
        else:
            fresh = folder / "fresh"
            fresh.write_bytes(state(generation, size))
            os.replace(fresh, path)
        time.sleep(chance.choice([0, 0.001, 0.01, 0.05]))


@pytest.mark.parametrize("seconds", [1.5, pytest.param(120, marks=pytest.mark.soak)])
def test_beside_a_process_that_writes_all_the_time(seconds: float, repository: Repository, swift: Path) -> None:
    folder = swift / "data"
    trees.plant(folder, {f"{i % 3}/{i}": state(0, SMALL) for i in range(30)})
    command = "import sys, pathlib; from tests.reliability.test_changing_files import *"
    command += "; meddle_for_ever(pathlib.Path(sys.argv[1]), 1)"
    process = subprocess.Popen([sys.executable, "-c", command, folder])
    made = refused = 0
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            refusal = attempt(repository, folder)
            assert refusal is None or refusal.slug == "unreadable-files"
            made += refusal is None
            refused += refusal is not None
    finally:
        process.kill()
        process.wait()
    assert made > 3
    assert content(repository, log(repository, folder)) == trees.harvest(folder)
    assert refused < made
