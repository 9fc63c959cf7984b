"""A hostile place against a machine that uses it, every digest right: what is bad is refused by name, nothing is
written outside, memory stays bounded, and what the machine has stays usable.

What the hostile hand makes is what the tests of hostile repositories make; here it comes over the line.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from artcli.buckets.disk import DiskBucket
from artcli.catalog.log import entry_key, segment_key
from artcli.catalog.manifest import FILE, Entry
from artcli.content import bound_digest, digest_of
from tests.catalog.manifest.test_hostile import BAD_NAMES
from tests.kit import trees
from tests.kit.enemy import Enemy
from tests.kit.forger import Forger, index_bytes, version_fact
from tests.kit.nursery import Nursery
from tests.reliability.test_hostile import ENTRIES, FACTS, FRAMES, HEADERS, MIB, PLACES, ROOT, bomb, inline, link
from tests.store.material import noise

T = TypeVar("T")
NAMES = {name: name for name in BAD_NAMES.values() if len(name) < 65536}


def some(cases: Mapping[Any, T], step: int) -> list[Any]:
    """Every `step`-th of the cases, and all of them in the long runs."""
    return [
        case if number % step == 0 else pytest.param(case, marks=pytest.mark.soak) for number, case in enumerate(cases)
    ]


@pytest.fixture(scope="module")
def friend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enemy]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ART_USER", "tester")
        patch.setenv("ART_CONFIG", "/nonexistent")
        yield Enemy.begin(tmp_path_factory.mktemp("enemy"))


@pytest.fixture
def enemy(friend: Enemy, swift: Path) -> Enemy:
    return friend.again(swift / "enemy")


TAKE = (["pull"], ["use", "bad:v0", "--root", "used/bad"], ["get", "bad:v0", "got/bad"])
"""What would bring the bad version here."""
REFUSED = (2, 5, 6, 7, 8)
"""Exit codes of whoever cannot have it: its name, its absence, damage, an answer that is none."""


def refuses(enemy: Enemy) -> None:
    enemy.refuses(*TAKE, codes=REFUSED)
    enemy.survives()


# --- manifests ---


@pytest.mark.parametrize("name", some(NAMES, 14), ids=repr)
def test_a_name_that_leads_elsewhere(name: bytes, enemy: Enemy) -> None:
    enemy.forger.manifest("bad", sorted([inline(name), inline(b"honest")]))
    refuses(enemy)


def test_a_link_and_a_file_through_it(enemy: Enemy) -> None:
    enemy.forger.manifest("bad", [link(b"a", bytes(enemy.directory / "canary")), inline(b"a/secret", b"overwritten")])
    refuses(enemy)


@pytest.mark.parametrize("what", some(ENTRIES, 7))
def test_an_entry_that_lies(what: str, enemy: Enemy) -> None:
    enemy.forger.manifest("bad", [ENTRIES[what](enemy.forger), inline(b"honest")])
    for arguments in TAKE:
        enemy.run(*arguments)
    enemy.refuses(TAKE[1], TAKE[2], codes=REFUSED)
    enemy.run("gc")
    enemy.survives()


@pytest.mark.parametrize("what", some(FRAMES, 4))
def test_a_chunk_that_is_not_what_it_says(what: str, enemy: Enemy, nursery: Nursery) -> None:
    codec, data, length = FRAMES[what]()
    digest = enemy.forger.frame(digest_of(what.encode()), codec, data, length)
    enemy.forger.manifest("bad", [Entry(b"a", FILE, min(length, 256 * 1024), digest), inline(b"honest")])
    for arguments in TAKE:
        ended = enemy.run_within(nursery, *arguments)
        assert ended.code in REFUSED, (arguments, ended)
    enemy.survives()


# --- indexes and packs ---


@pytest.mark.parametrize("where", some(PLACES, 4))
def test_an_index_that_leads_elsewhere(where: str, enemy: Enemy) -> None:
    chunk = noise(300, where)
    enemy.forger.put(chunk)
    pack = {row.digest: row for row in enemy.forger.pack()}[digest_of(chunk)].pack
    enemy.forger.commit(enemy.forger.raw_index(index_bytes(digest_of(chunk), pack, PLACES[where])))
    enemy.forger.manifest("bad", [Entry(b"a", FILE, 300, digest_of(chunk)), inline(b"honest")])
    refuses(enemy)


def test_an_index_that_claims_what_nobody_has(enemy: Enemy) -> None:
    """The poison of deduplication. Whoever pushes looks whether the pack is there, and brings the chunk."""
    data = noise(300, "poison")
    enemy.forger.commit(enemy.forger.raw_index(index_bytes(digest_of(data), digest_of(b"no pack"), (16, 300, 300, 0))))
    trees.plant(enemy.laptop / "used/data", {"a": data})
    assert enemy.run("log-artifact", "precious", "used/data").code == 0
    assert enemy.run("push").code == 0
    car = enemy.directory / "copy"
    assert enemy.art("clone", str(enemy.nas), str(car)).code == 0
    shutil.rmtree(enemy.laptop / ".art")
    enemy.art.directory = car
    assert enemy.art("use", "precious:v0", "--root", str(enemy.laptop / "used/back")).code == 0
    assert trees.harvest(enemy.laptop / "used/back") == {"a": data}


INDEXES = {
    "empty": b"",
    "head": b"art-idx\1",
    "noise": noise(500, "index"),
    "rows": index_bytes(bytes(32), bytes(32), (16, 1, 1, 0), rows=1 << 31),
    "rows beyond": index_bytes(bytes(32), bytes(32), (16, 1, 1, 0), rows=(1 << 32) - 1) + noise(2 * MIB, "x"),
    "bits": index_bytes(bytes(32), bytes(32), (16, 1, 1, 0), bits=16),
    "more bits": index_bytes(bytes(32), bytes(32), (16, 1, 1, 0), bits=255),
    "cut": index_bytes(bytes(32), bytes(32), (16, 1, 1, 0))[:-1],
}


@pytest.mark.parametrize("what", some(INDEXES, 4))
def test_an_index_that_is_none(what: str, enemy: Enemy, nursery: Nursery) -> None:
    enemy.forger.commit(enemy.forger.raw_index(INDEXES[what]))
    trees.plant(enemy.laptop / "used/more", {"x": noise(3000, "more")})
    assert enemy.run("log-artifact", "more", "used/more").code == 0
    for arguments in (["pull"], ["push"]):
        assert enemy.run_within(nursery, *arguments).code in (0, *REFUSED), arguments
    enemy.survives()


def test_things_that_are_planted_in_the_directory(enemy: Enemy) -> None:
    """Links to elsewhere and pipes are not followed, and nobody waits for them."""
    enemy.forger.manifest("bad", [Entry(b"a", FILE, 300, enemy.forger.put(noise(300, "a"))), inline(b"honest")])
    keys = [item.key for item in DiskBucket(enemy.nas).list("") if item.key.startswith(("packs/", "index/"))]
    secret = enemy.directory / "canary/secret"
    for number, key in enumerate(keys):
        path = enemy.nas / key
        path.unlink()
        if number % 2:
            path.symlink_to(secret)
        else:
            os.mkfifo(path)
    head = max(int(path.name) for path in (enemy.nas / "log").rglob("*") if path.is_file())
    (enemy.nas / entry_key(head + 1)).symlink_to(secret)
    enemy.run("pull")
    enemy.refuses(*TAKE[1:], codes=REFUSED)
    enemy.survives()
    assert secret.read_bytes() == b"untouched"


# --- the log ---


@pytest.mark.parametrize("what", some(FACTS, 16))
def test_a_fact_that_cannot_be(what: str, enemy: Enemy) -> None:
    """It is carried along, and has no effect; pushing goes on."""
    enemy.forger.commit(FACTS[what], {"kind": "tag", "data": {"version": "ff" * 16, "tag": "x"}})
    for arguments in (*TAKE, ["ls", "bad"], ["log"], ["audit"]):
        enemy.run(*arguments)
    assert enemy.run("alias", "good:v0", "best").code == 0
    enemy.run("push")
    enemy.survives()


@pytest.mark.parametrize("what", some(HEADERS, 4))
def test_an_entry_that_is_none(what: str, enemy: Enemy) -> None:
    enemy.forger.entry(HEADERS[what])
    enemy.refuses(["pull"], ["push"])
    enemy.survives()


LINES = {
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "empty": b"",
    "noise": b"x" * 200_000,
    "no UTF-8": b"\xff\xfe",
}


@pytest.mark.parametrize("what", some(LINES, 2))
def test_a_line_that_is_no_fact(what: str, enemy: Enemy) -> None:
    enemy.forger.commit(LINES[what])
    enemy.refuses(["pull"], ["push"])
    enemy.survives()


@pytest.mark.parametrize("size", [MIB + 1, 1 << 31])
def test_an_entry_without_end(size: int, enemy: Enemy, nursery: Nursery) -> None:
    path = enemy.nas / entry_key(_head(enemy) + 1)
    path.touch()
    os.truncate(path, size)
    for command in ("pull", "push"):
        assert enemy.run_within(nursery, command).code == 7
    enemy.survives()


def _head(enemy: Enemy) -> int:
    return max(int(path.name) for path in (enemy.nas / "log").rglob("*") if path.is_file())


SEGMENTS: dict[str, Callable[[], bytes]] = {
    "zeros": lambda: bomb(1 << 30),
    "long entries": lambda: bomb(MIB).replace(b"", b"") + struct.pack("<I", (1 << 32) - 1),
    "noise": lambda: noise(MIB, "segment"),
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("what", some(SEGMENTS, 2))
def test_a_segment_that_is_a_bomb(what: str, enemy: Enemy, nursery: Nursery) -> None:
    """It only saves reads: whoever cannot believe it reads the entries."""
    data, key = SEGMENTS[what](), segment_key(0)
    DiskBucket(enemy.nas).add(key, data + bound_digest(key, data))
    fresh = enemy.directory / "copy"
    ended = enemy.run_within(nursery, "clone", str(enemy.nas), str(fresh))
    assert ended.code == 0, ended
    assert enemy.run("pull").code == 0
    enemy.survives()


def test_a_config_that_is_none(enemy: Enemy, nursery: Nursery) -> None:
    config = enemy.nas / "config"
    honest = config.read_bytes()
    config.chmod(0o644)
    for data in (
        b"",
        b"\n\n",
        b"{}\n{}\n",
        honest.replace(b'"place": "', b'"place": "../'),
        honest[:-3],
        b"[" * 60_000,
    ):
        config.write_bytes(data)
        enemy.refuses(["pull"], ["push"], ["clone", str(enemy.nas), str(enemy.directory / "copy")], codes=REFUSED)
    os.truncate(config, 1 << 31)
    assert enemy.run_within(nursery, "pull").code in REFUSED
    body = honest.split(b"\n")[0].replace(b'"place": "', b'"place": "' + b"f" * 8)
    config.write_bytes(body + b'\n{"checksum": "%s"}\n' % bound_digest("config", body).hex().encode())
    enemy.refuses(["pull"], ["push"], codes=REFUSED)
    enemy.survives()


def test_history_that_became_shorter_or_another(enemy: Enemy) -> None:
    enemy.forger.commit(version_fact("bad", ROOT))
    before = shutil.copytree(enemy.nas, enemy.nas.with_name("nas-before"))
    enemy.outside = enemy._outside()
    trees.plant(enemy.laptop / "used/more", {"x": noise(3000, "more")})
    enemy.run("pull")
    shutil.rmtree(enemy.nas)
    shutil.copytree(before, enemy.nas)
    path = enemy.nas / entry_key(_head(enemy))
    path.unlink()
    enemy.refuses(["pull"], ["push"], codes=[6])
    Forger(enemy.nas).commit(version_fact("another", ROOT))
    enemy.refuses(["pull"], ["push"], codes=[6])
    assert "another" not in enemy.run("ls").out
    enemy.survives()


def test_a_hundred_thousand_names_that_are_no_keys(enemy: Enemy, nursery: Nursery) -> None:
    """Left out, wherever things are listed."""
    for folder in ("", "packs/00", "index", "segments"):
        (enemy.nas / folder).mkdir(exist_ok=True)
        for number in range(500):
            (enemy.nas / folder / f"~{number} \x1b[31m\n").touch()
    for command in ("pull", "push"):
        assert enemy.run_within(nursery, command).code == 0
    fresh = str(enemy.directory / "copy")
    assert enemy.run_within(nursery, "clone", str(enemy.nas), fresh).code == 0
    enemy.survives()
