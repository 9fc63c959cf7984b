from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from artcli.errors import ArtError
from artcli.files import rows, statcache
from artcli.files.ignore import Rules
from artcli.files.seen import Seen
from artcli.files.statcache import MOST_TREES, StatCache
from artcli.files.walk import Scan

from .conftest import Clock
from .trees import ROOT, Tree, apply, source


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    for folder in ("a", "b", "c/d"):
        (path / folder).mkdir(parents=True)
        for i in range(4):
            (path / folder / f"f{i}").write_text(folder)
    return path


@pytest.fixture
def tree(tmp_path: Path, data: Path) -> Tree:
    return Tree(tmp_path / "cache", source(data))


FILES = 12


# --- what is believed ---


def test_young_files_are_looked_at_again(data: Path, tree: Tree, later: Clock) -> None:
    later.ahead = 0
    assert len(tree.walk()) == FILES
    assert len(tree.walk()) == FILES
    later.ahead = 0.2
    assert len(tree.walk()) == FILES
    assert tree.walk() == []


def test_a_write_within_the_racy_window(data: Path, tree: Tree, later: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is changed right after it was read, leaving the very same stat, as on a coarse clock."""
    later.ahead = 0
    tree.walk()
    before = (data / "a/f0").stat()
    (data / "a/f0").write_text("Z")
    os.utime(data / "a/f0", ns=(before.st_atime_ns, before.st_mtime_ns))
    later.ahead = 3600
    assert b"a/f0" in tree.paths()


def test_coarse_times_wait_longer(data: Path, tree: Tree, later: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    real = statcache_fields()
    coarse = lambda result: tuple(v - v % 1_000_000 if i in (1, 2) else v for i, v in enumerate(real(result)))  # noqa: E731
    monkeypatch.setattr("artcli.files.listing.fields", coarse)
    monkeypatch.setattr("artcli.files.seen.fields", coarse)
    later.ahead = 1.5
    tree.walk()
    assert len(tree.walk()) == FILES
    later.ahead = 4
    tree.walk()
    assert tree.walk() == []


def statcache_fields():  # type: ignore[no-untyped-def]
    from artcli.files.seen import fields

    return fields


def test_files_from_the_future(data: Path, tree: Tree, later: Clock) -> None:
    moment = int((data / "a/f0").stat().st_mtime_ns + 10**9 * 86400 * 365 * 10)
    os.utime(data / "a/f0", ns=(moment, moment))
    tree.walk()
    assert tree.paths() == [b"a/f0"]
    later.ahead = -86400 * 365 * 40
    tree.walk()
    assert tree.paths() == [b"a/f0"]


def test_the_clock_runs_back_to_1970(data: Path, tree: Tree, later: Clock) -> None:
    import time

    later.ahead = -time.time() + 100
    tree.walk()
    assert len(tree.walk()) == FILES


def test_times_beyond_64_bits(data: Path, tree: Tree, later: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    real = statcache_fields()
    monkeypatch.setattr("artcli.files.listing.fields", lambda r: (*real(r)[:3], real(r)[3] + 2**63))
    monkeypatch.setattr("artcli.files.seen.fields", lambda r: (*real(r)[:3], real(r)[3] + 2**63))
    tree.walk()
    assert tree.walk() == []


def test_after_a_restart_the_youngest_are_looked_at_again(
    data: Path, tree: Tree, later: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    later.ahead = 3600
    moment = (data / "a/f0").stat().st_ctime_ns + 10**9 * 3590
    os.utime(data / "a/f0", ns=(moment, moment))
    tree.walk()
    assert tree.walk() == []
    monkeypatch.setattr("artcli.files.walk.boot_id", lambda: b"another!")
    assert tree.paths() == [b"a/f0"]
    later.ahead = 7200
    tree.walk()
    monkeypatch.setattr("artcli.files.walk.boot_id", lambda: b"yetagain")
    tree.walk()
    assert tree.walk() == []


def test_another_device(data: Path, tree: Tree, later: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.walk()

    class Elsewhere:
        """The system, with every folder on another device."""

        def __getattr__(self, name: str) -> object:
            return getattr(os, name)

        def fstat(self, fd: int) -> object:
            return type("Result", (), {"st_dev": os.fstat(fd).st_dev + 1})()

    with monkeypatch.context() as patch:
        patch.setattr("artcli.files.listing.os", Elsewhere())
        assert len(tree.walk()) == FILES


# --- a file that is not right ---


def damage_truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_garbage(path: Path) -> None:
    path.write_bytes(os.urandom(20_000))


def damage_foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE tree (x)")
    db.close()


def damage_version(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()


def change_row(path: Path, sql: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(sql)
    db.close()


def damage_row(path: Path) -> None:
    change_row(path, "UPDATE row SET data = zeroblob(length(data)) WHERE key = CAST('a/' AS BLOB)")


def damage_lost_row(path: Path) -> None:
    change_row(path, "DELETE FROM row WHERE key = CAST('b/' AS BLOB)")


def damage_swapped_rows(path: Path) -> None:
    change_row(
        path,
        "UPDATE row SET data = (SELECT data FROM row WHERE key = CAST('b/' AS BLOB)),"
        " mark = (SELECT mark FROM row WHERE key = CAST('b/' AS BLOB)) WHERE key = CAST('a/' AS BLOB)",
    )


def damage_root(path: Path) -> None:
    change_row(path, "UPDATE tree SET root = zeroblob(32)")


def damage_types(path: Path) -> None:
    change_row(path, "UPDATE tree SET stamp = 'text'")


DAMAGES = [
    damage_truncate, damage_empty, damage_garbage, damage_foreign, damage_version, damage_row, damage_lost_row,
    damage_swapped_rows, damage_root, damage_types,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_made_anew(data: Path, tree: Tree, later: Clock, damage) -> None:  # type: ignore[no-untyped-def]
    tree.walk()
    damage(tree.cache / "stat.db")
    (data / "b/f1").unlink()
    tree.model = {}
    assert len(tree.walk()) == FILES - 1
    assert tree.walk() == []


def test_flipped_bytes_never_mislead(data: Path, tree: Tree, later: Clock) -> None:
    tree.walk()
    file = tree.cache / "stat.db"
    good = file.read_bytes()
    wrong = random.Random(7)
    for _ in range(60):
        bad = bytearray(good)
        bad[wrong.randrange(len(bad))] ^= 1 << wrong.randrange(8)
        for suffix in ("-wal", "-shm"):
            file.with_name("stat.db" + suffix).unlink(missing_ok=True)
        file.write_bytes(bad)
        model = dict(tree.model)
        with StatCache(tree.cache) as cache:
            scan = Scan(tree.sources, tree.rules, cache, lambda root: root)
            changes = list(scan)
        assert (scan.known_root == ROOT and changes == []) or (scan.known_root is None and len(changes) == FILES)
        assert model == tree.model


def test_a_cache_that_is_locked(data: Path, tree: Tree, later: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statcache, "PATIENCE", 0.05)
    tree.walk()
    holder = sqlite3.connect(tree.cache / "stat.db", isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with StatCache(tree.cache) as cache:
        scan = Scan(tree.sources, tree.rules, cache, lambda root: root)
        (data / "a/f0").write_text("changed")
        changes = list(scan)
        assert len(changes) in (1, FILES)
        assert not scan.save(b"n" * 32)
    holder.execute("ROLLBACK")
    holder.close()
    assert tree.paths() == [b"a/f0"]


def test_a_cache_that_fails_in_the_middle(data: Path, tree: Tree, later: Clock) -> None:
    """What has been reported by then is not enough to make a version of, so the walk does not just go on."""
    tree.walk()
    for query in ("ORDER BY", "key = ?"):
        with StatCache(tree.cache) as cache:
            known = cache.tree(tree.sources)
            real = known._db

            class Failing:
                def execute(self, sql: str, *values: object, real: object = real, query: str = query) -> object:
                    found = real.execute(sql, *values)  # type: ignore[attr-defined]
                    return self if sql.endswith(query + (" key" if query == "ORDER BY" else "")) else found

                def __next__(self) -> object:
                    raise sqlite3.OperationalError("disk I/O error")

                fetchone = __next__

            known._db = Failing()  # type: ignore[assignment]
            ask = known.begin if query == "ORDER BY" else partial(known.peek, b"a/")
            with pytest.raises(ArtError) as caught:
                ask()
            assert caught.value.slug == "cache-failed"
            known._db = real


def test_a_place_that_cannot_be_written(data: Path, tmp_path: Path, later: Clock) -> None:
    (tmp_path / "blocked").write_text("a file where the folder should be")
    with StatCache(tmp_path / "blocked") as cache:
        scan = Scan([source(data)], Rules(), cache, lambda root: root)
        assert len(list(scan)) == FILES
        assert not scan.save(ROOT)


# --- several at once ---


def test_of_two_saves_the_first_stays(data: Path, tree: Tree, later: Clock) -> None:
    tree.walk()
    with StatCache(tree.cache) as one, StatCache(tree.cache) as two:
        first = Scan(tree.sources, tree.rules, one, lambda root: root)
        second = Scan(tree.sources, tree.rules, two, lambda root: root)
        (data / "a/f0").write_text("one")
        assert [change.path for change in apply(tree.model, first)] == [b"a/f0"]
        (data / "b/f0").write_text("two")
        assert [change.path for change in second] == [b"a/f0", b"b/f0"]
        assert first.save(b"1" * 32)
        assert not second.save(b"2" * 32)
    assert tree.paths() == [b"b/f0"]


def test_a_walk_sees_the_rows_of_its_root(data: Path, tree: Tree, later: Clock) -> None:
    """What another process saves in the middle of a walk does not mix with what this one knows."""
    tree.walk()
    with StatCache(tree.cache) as mine:
        scan = Scan(tree.sources, tree.rules, mine, lambda root: root)
        (data / "c/d/f0").write_text("changed")
        tree.walk()
        assert [change.path for change in scan] == [b"c/d/f0"]


WORK = """
import os, sys, time
from pathlib import Path
from artcli.files.ignore import Rules
from artcli.files.sources import Source
from artcli.files.statcache import StatCache
from artcli.files.walk import Scan
for i in range(8):
    for name in ("own", "shared"):
        sources = [Source(os.fsencode(sys.argv[2]), sys.argv[3].encode() if name == "own" else b"")]
        with StatCache(Path(sys.argv[1])) as cache:
            scan = Scan(sources, Rules(), cache, lambda root: root)
            len(list(scan))
            scan.save(os.urandom(32))
"""


def test_processes_that_save_at_the_same_time(data: Path, tree: Tree, later: Clock) -> None:
    workers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WORK, str(tree.cache), str(data), str(n)], stderr=subprocess.PIPE
        )
        for n in range(3)
    ]
    for worker in workers:
        _, errors = worker.communicate(timeout=60)
        assert (worker.returncode, errors) == (0, b"")
    with StatCache(tree.cache) as cache:
        for n in range(3):
            assert cache.tree([source(data, str(n).encode())]).root is not None


def test_a_walk_that_is_not_saved_leaves_nothing(data: Path, tree: Tree, later: Clock) -> None:
    tree.walk()
    (data / "a/f0").write_text("new")
    with StatCache(tree.cache) as cache:
        assert len(list(Scan(tree.sources, tree.rules, cache, lambda root: root))) == 1
    with StatCache(tree.cache) as cache:
        older = Scan(tree.sources, tree.rules, cache, lambda root: root)
        assert len(list(older)) == 1
        newer = Scan(tree.sources, tree.rules, cache, lambda root: root)
        assert not older.save(b"x" * 32)
        assert len(list(newer)) == 1
        assert newer.save(b"y" * 32)


def test_from_another_thread(data: Path, tree: Tree, later: Clock) -> None:
    with StatCache(tree.cache) as cache:
        scan = Scan(tree.sources, tree.rules, cache, lambda root: root)
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.extend(scan))
        thread.start()
        thread.join()
        assert len(found) == FILES
        assert scan.save(ROOT)


# --- size ---


def test_trees_are_not_kept_for_ever(data: Path, tmp_path: Path, later: Clock) -> None:
    for n in range(MOST_TREES + 5):
        with StatCache(tmp_path / "cache") as cache:
            scan = Scan([source(data / "a", b"%d" % n)], Rules(), cache, lambda root: root)
            assert sum(isinstance(change, Seen) for change in scan) == 4
            assert scan.save(ROOT)
    db = sqlite3.connect(tmp_path / "cache/stat.db")
    assert db.execute("SELECT count(*) FROM tree").fetchone() == (MOST_TREES,)
    assert db.execute("SELECT count(DISTINCT tree) FROM row").fetchone() == (MOST_TREES,)
    db.close()


def test_folders_that_are_gone_leave_no_rows(data: Path, tree: Tree, later: Clock) -> None:
    import shutil

    tree.walk()
    shutil.rmtree(data / "c")
    tree.walk()
    db = sqlite3.connect(tree.cache / "stat.db")
    keys = {key for (key,) in db.execute("SELECT key FROM row")}
    db.close()
    assert keys == {b"", b"a/", b"b/"}


def test_a_row_cut_short_is_no_row() -> None:
    with pytest.raises(ValueError):
        rows.Row(b"short")
