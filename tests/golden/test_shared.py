"""A place of format 1 that two machines share opens for ever: its mirrors, its condemned packs, what is only there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from artcli.buckets.disk import DiskBucket
from artcli.catalog.afresh import fold_afresh
from artcli.catalog.catalog import Catalog
from artcli.catalog.log import Log
from artcli.catalog.repository import read_place
from artcli.store.pack import pack_key
from tests.cli.conftest import FOREIGN
from tests.golden import make_shared, read_without_art
from tests.golden.make import tree_digest
from tests.kit import sound
from tests.kit.command_line import Art
from tests.kit.trees import harvest

TRUTH = json.loads(make_shared.TRUTH.read_text("utf-8"))
LIVE = {ref: known["tree"] for ref, known in TRUTH["versions"].items() if known["state"] == "live"}


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.startswith("ART_") or name in FOREIGN:
            monkeypatch.delenv(name)
    monkeypatch.setenv("ART_CONFIG", str(tmp_path / "user.toml"))
    monkeypatch.setenv("ART_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ART_USER", "tester")
    with tarfile.open(make_shared.ARCHIVE) as archive:
        if sys.version_info >= (3, 12):
            archive.extractall(tmp_path, filter="fully_trusted")
        else:
            archive.extractall(tmp_path)
    return tmp_path / "format-1-shared"


@pytest.fixture
def laptop(golden: Path) -> Art:
    found = Art(golden / "laptop")
    assert found("remote", "set-url", "origin", golden / "nas").code == 0
    return found


def condemned(nas: Path) -> set[str]:
    bucket = DiskBucket(nas)
    database = fold_afresh(Log(bucket, read_place(bucket))).database
    try:
        return {pack_key(pack) for pack in Catalog(database).condemned()}
    finally:
        database.close()


def test_the_place_is_sound_and_has_what_it_had(golden: Path) -> None:
    assert sorted(sound.check(golden / "nas")) == TRUTH["nas"]
    for ref in TRUTH["nas"]:
        out = golden / ref.replace(":", "-")
        words = [read_without_art.__file__, golden / "nas", f"uncategorized/{ref}", out]
        subprocess.run([sys.executable, "-I", *words], check=True)
        assert tree_digest(harvest(out)) == LIVE[ref]


def test_condemned_packs_are_known_and_go(golden: Path) -> None:
    nas = golden / "nas"
    there = {path.relative_to(nas).as_posix() for path in (nas / "packs").rglob("*") if path.is_file()}
    assert condemned(nas) & there, "some are there still"
    assert condemned(nas) - there, "and some are gone"
    done = Art(golden)("-C", nas, "gc", "--readers", "0s")
    assert int(done.out) > 0
    assert not condemned(nas) & {path.relative_to(nas).as_posix() for path in (nas / "packs").rglob("*")}
    assert sorted(sound.check(nas)) == TRUTH["nas"]


def test_a_clone_knows_all_and_brings_what_it_lacks(laptop: Art) -> None:
    listed = [*laptop("ls", "dataset", "--json").json["items"], *laptop("ls", "model", "--json").json["items"]]
    assert {item["ref"] for item in listed} == set(LIVE)
    for ref, tree in LIVE.items():
        used = laptop("use", ref, "--root", laptop.directory / "used" / ref)
        assert used.code == 0, used.err
        assert tree_digest(harvest(laptop.directory / "used" / ref)) == tree
    assert laptop("fsck").code == 0
    assert laptop("runs", "-q").code == 0
    assert "said on the car" in laptop("run", "logs", "golden").out


def test_what_it_made_itself_can_be_pushed_and_pulled(laptop: Art, golden: Path) -> None:
    pushed = laptop("push")
    assert pushed.code == 0, pushed.err
    assert set(sound.check(golden / "nas")) == set(LIVE)
    car = Art(golden / "car")
    assert car("remote", "set-url", "nas", golden / "nas").code == 0
    assert car("pull").code == 0
    for ref in LIVE:
        assert car("verify", ref).code == 0
    assert laptop("fsck").code == car("fsck").code == 0


def test_a_mirror_is_read_as_the_log_that_it_is_of(golden: Path, laptop: Art) -> None:
    (mirror,) = (golden / "laptop/.art/mirrors").iterdir()
    place = read_place(DiskBucket(golden / "nas"))
    assert mirror.name == place
    there = Log(DiskBucket(golden / "nas"), place)
    here = Log(DiskBucket(mirror), place)
    kept = [entry.digest for entry in here.after(-1, "0" * 64)]
    assert kept == [entry.digest for entry in there.after(-1, "0" * 64)][: len(kept)]
    assert laptop("fetch").code == 0
