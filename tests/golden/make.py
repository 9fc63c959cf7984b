"""Makes a repository that has whatever format 1 knows, and keeps it: `python -m tests.golden.make`.

    files       of 0 to 256 bytes in their entries, of one chunk, of several, of a paged list of chunks, as byte planes
    manifests   of one page and of several; links, executable files, empty directories, names that are not UTF-8
    facts       of every kind that a command makes, one that no program knows, and what each leads to
    texts       in their facts and in chunks: of a version, of an artifact, one that an edit replaced, one that is gone
    runs        that ended well, badly and again after a crash, in several segments, with files and console, used and
                logged versions; one in the trash, one that is gone
    store       packs of both kinds, merged indexes, packs and indexes that gc has written anew
    log         one segment and the beginning of the next (`long_log`)

The files are handwritten digits, photographs and what was computed from them; the repository differs from making to
making in its ids, times and packs. What every version must hold is known here, not asked of art.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from blake3 import blake3

from artcli.catalog.facts import Draft
from artcli.catalog.repository import Repository
from artcli.catalog.runs.records import Record
from artcli.flows.demo import shots
from artcli.flows.runs.recorder import Beginning, Recorder
from artcli.flows.runs.seal import seal
from tests.kit.command_line import Art
from tests.kit.story.pipeline import digit_rows, digit_table, pgm
from tests.kit.trees import Empty, Leaf, Link, Program, Tree, plant

HERE = Path(__file__).parent
ARCHIVE = HERE / "format-1.tar.xz"
TRUTH = HERE / "format-1.json"
LIMIT = 320_000
CARD = "# The digits\n\n" + "".join(f"{n}. of {n} strokes, or of {n + 1}: café\n" for n in range(40))
"""A text of more than 1 KiB."""

Run = Callable[..., None]


class HeldRun(NamedTuple):
    """What a run must be."""

    state: str
    outcome: str
    said: list[list[Any]]
    """Kind, step and data of its records, in order, but for `start`."""
    console: str
    files: dict[str, bytes]


def _loss(step: int) -> list[Any]:
    return ["history", step, {"loss": round(2.0 / (1 + step), 4), "nested": {"step": step}}]


RUNS = {
    "golden-train": HeldRun(
        "live",
        "finished",
        [
            ["config", None, {"lr": 0.1, "layers": [64, 10], "name": "caf\u00e9\nof digits"}],
            *map(_loss, range(40)),
            ["history", 40, {"loss": float("nan")}],
            ["history", 40, {"accuracy": 0.93}],
            ["define", None, {"metric": "loss", "summary": "min"}],
            ["summary", None, {"accuracy": 0.93, "limit": float("-inf")}],
        ],
        "epoch 1\nepoch 2\nd\u00e9j\u00e0 vu\n",
        {"media/nine.pgm": b"P5 8 8 16\n" + bytes(range(64)), "media/rows.csv": b"0,1,2,3,4,5,6,7,8,9\n" * 30},
    ),
    "golden-crash": HeldRun(
        "live", "failed", [_loss(0), _loss(1), ["config", None, {"again": True}], _loss(2)], "", {}
    ),
    "golden-trash": HeldRun("trash", "killed", [_loss(0)], "stopped\n", {"notes.txt": b"never mind\n" * 40}),
    "golden-gone": HeldRun("purged", "finished", [_loss(0)], "", {"notes.txt": b"gone for good\n" * 40}),
}
"""The runs by id."""


class Held(NamedTuple):
    """What a version must be."""

    state: str
    tree: Tree


def fill(directory: Path, art: Run, *, long_log: bool = False) -> dict[str, Held]:
    """A new repository in `directory` by commands `art(word, …)`; what each version, PROJECT/NAME:vN, must hold."""
    held: dict[str, Held] = {}

    def log(name: str, tree: Tree, *words: str, state: str = "live") -> None:
        plant(directory / "data", tree)
        art("log-artifact", name, *(words or ("data",)))
        number = sum(ref.startswith(f"golden/{name}:") for ref in held)
        held[f"golden/{name}:v{number}"] = Held(state, tree)

    art("init", "--project", "golden")
    log("things", things(), "data", "-d", "one of each kind", "--tag", "small", "-m", "the beginning")
    _numbers(log)
    _digits(directory, log, art)
    for number in range(9):  # nine small indexes, of which eight become one
        state = {3: "trash", 4: "purged"}.get(number, "live")
        tree = {"head.npy": _weights(number), "note.txt": b"round %d\n" % number}
        log("model", tree, "data", "-M", f"round={number}", "-a", "best", state=state)
    _runs(directory)
    _change(art)
    _commit_unknown(directory)
    if long_log:
        for number in range(1000):
            art("alias", f"digits:v{number % 2}", "blinking")
    log("things", {**things(), "last.txt": b"after all that\n"})
    # model is called network by now, and so are its versions
    return {ref.replace("/model:", "/network:"): version for ref, version in held.items()}


def things() -> dict[str, Leaf]:
    """One of each kind of entry, and names as they come."""
    photograph = shots.shipped(shots.DUSK, 5).jpeg
    rows = b"".join(digit_rows()[:150])
    return {
        "photographs/dusk.jpg": photograph,
        "photographs/latest.jpg": Link("dusk.jpg"),
        "nowhere": Link("../is/not/there"),
        "run.sh": Program(b"#!/bin/sh\nexec cat rows.csv\n"),
        "large.sh": Program(b"#!/bin/sh\n" + b"# nothing to do\n" * 40),
        "rows.csv": rows,
        "empty.txt": b"",
        "256.csv": rows[:256],
        "257.csv": rows[:257],
        "one-chunk.bin": bytes(262_144),
        "nothing/at all": Empty(),
        "/".join(f"level{n:02d}" for n in range(30)) + "/bottom.txt": b"thirty levels deep\n",
        "long-" + "x" * 246 + ".txt": b"a name of 255 bytes\n",
        os.fsdecode(b"caf\xe9.txt"): b"a name that is not UTF-8\n",
        os.fsdecode(b"\xff\xfe/\x01\t\n"): b"control characters\n",
        "caf\u00e9.txt": b"composed\n",
        "cafe\u0301.txt": b"decomposed\n",
        "a": b"before a-b and a.c and below none of them\n",
        "a-b": b"1\n",
        "a.c/d": b"2\n",
        "a b/CON": b"3\n",
    }


def _numbers(log: Callable[..., None]) -> None:
    pixels = digit_table()[:206, :64]
    tree: dict[str, Leaf] = {
        "pixels.int16": digit_table()[:150, :64].astype("<i2").tobytes(),
        "pixels.float32": np.tile(pixels / 16, (5, 1)).astype("<f4").tobytes(),
        "pixels.float64": np.tile(pixels / 16, (3, 1)).astype("<f8").tobytes(),
        "disk.img": _disk(),
    }
    log("numbers", tree)
    changed = bytearray(_disk())
    changed[3_000_000:3_000_032] = digit_rows()[0][:32]
    log("numbers", {**tree, "disk.img": bytes(changed)})


def _disk() -> bytes:
    """Twenty-four chunks of 256 KiB, each of one byte throughout. The digests of those of 102 and 108 end a page of the
    list of chunks, so that it has three pages and one above."""
    return b"".join(bytes([value]) * 262_144 for value in (*range(95, 115), 0, 0, 255, 1)) + digit_rows()[1]


def _digits(directory: Path, log: Callable[..., None], art: Run) -> None:
    table = digit_table()
    tree: dict[str, Leaf] = {f"{row[64]}/{n:04d}.pgm": pgm(row[:64]) for n, row in enumerate(table[:280])}
    log("digits", tree)
    changed = {**tree, "0/0000.pgm": pgm(table[600][:64]), "labels.csv": b"".join(digit_rows()[600:605])}
    log("digits", changed)
    kept = {path: leaf for path, leaf in changed.items() if not path.startswith("7/")}
    moved = {path.replace("3/", "three/"): leaf for path, leaf in kept.items()}
    plant(directory / "more", {"more.pgm": pgm(table[601][:64])})
    words = ("--base", "digits:v1", "--rm", "7/**", "--mv", "3=three", "--add", "more")
    log("digits", {**moved, "more.pgm": pgm(table[601][:64])}, *words)


def _weights(number: int) -> bytes:
    """Mean pictures of the digits, of more of them from round to round."""
    rows = digit_table()[: 20 + number]
    means = [rows[rows[:, 64] == digit][:, :64].mean(axis=0) for digit in range(10)]
    return bytes(np.array(means, "<f4").tobytes())


def _runs(directory: Path) -> None:
    """Runs: the first in two segments, the second by two writers."""
    repository = Repository(directory / ".art")
    versions = {version.ref: version for version in repository.catalog.versions()}
    used, made = versions["digits:v1"], versions["model:v8"]
    for id, held in RUNS.items():
        name = id.removeprefix("golden-")
        beginning = Beginning("golden", name, "train", "trees", "First\nsecond", ["small"], id=id)
        run = Recorder.begin(repository, beginning)
        half = len(held.said) // 2
        _say(run, held.said[:half], held.console)
        if id == "golden-crash":
            run.finish("crashed")
            run = Recorder.resume(repository, id, Beginning("golden"))
        seal(repository, run.spool)
        _say(run, held.said[half:], "")
        for path, data in held.files.items():
            incoming = run.spool.incoming()
            incoming.write_bytes(data)
            run.say([Record("file", 0.0, {"path": path, "size": len(data)})], files={path: incoming})
        run.finish(held.outcome, {"failed": 3}.get(held.outcome))
    uses = {"run": "golden-train", "version": used.id, "digest": used.digest, "role": "training"}
    drafts = [
        Draft("input", uses),
        Draft("input", {"run": "golden-train", "uri": "https://archive.ics.uci.edu/dataset/80"}),
        Draft("output", {"run": "golden-train", "version": made.id, "digest": made.digest}),
    ]
    repository.commit(lambda _, make: [make(draft) for draft in drafts])
    repository.close()


def _say(run: Recorder, said: Sequence[Sequence[Any]], console: str) -> None:
    for kind, step, data in said:
        if kind == "history":
            more = "nested" in data or "accuracy" in data
            run.log(data, None if more else step)
        else:
            run.set(kind, data)
    for line in console.splitlines(keepends=True):
        run.set("console", {"stream": "stdout", "text": line})


def _change(art: Run) -> None:
    """Whatever may be done to versions and runs."""
    art("tag", "run:golden-train", "kept", "good night")
    art("tag", "--delete", "run:golden-train", "small")
    art("edit", "run:golden-train", "--rename", "the first", "--note", "", "--group", "digits")
    art("rm", "run:golden-gone", "run:golden-crash", "--yes")
    art("restore", "run:golden-crash")
    art("alias", "model:v8", "deployed", "stable")
    art("alias", "--protect", "model:deployed", "-m", "on the car")
    art("alias", "model:v7", "stable")
    art("alias", "--delete", "model:stable")
    art("alias", "--protect", "model:best")
    art("alias", "--unprotect", "model:best")
    art("tag", "model:v8", "tested", "good night")
    art("tag", "--delete", "model:v8", "tested")
    art("edit", "model:v8", "--set", "accuracy=0.93", "--set", 'tuned={"by": ["café", 1, null]}', "--unset", "round")
    art("edit", "model:v8", "--note", "First line\n\n* second\n", "--description", "the best")
    art("edit", "model", "--keep-last", "20", "--description", "mean digits")
    art("edit", "digits", "--note", CARD)
    art("edit", "digits:v1", "--note", CARD.replace("strokes", "lines"))
    art("edit", "digits:v1", "--note", CARD.replace("strokes", "curves"))
    art("edit", "model:v4", "--description", CARD.replace("strokes", "weights"))
    art("edit", "model", "--rename", "network")
    art("rm", "network:v2", "network:v3", "network:v4", "--yes", "-m", "not needed")
    art("restore", "network:v2", "network:v3")
    art("gc", "--empty-trash", "--yes")
    art("rm", "network:v3", "run:golden-trash", "--yes")
    art("edit", "network:v0", "--set", "wrong=true")
    art("undo")


def _commit_unknown(directory: Path) -> None:
    """A kind of fact that no program knows yet."""
    repository = Repository(directory / ".art")
    repository.commit(lambda _, make: [make(Draft("weather", {"sky": "blue", "degrees": 21.5}))])
    repository.close()


def tree_digest(tree: Tree) -> str:
    """One digest over the paths, kinds and bytes of a directory."""
    hasher = blake3()
    for path in sorted(os.fsencode(path) for path in tree):
        leaf = tree[os.fsdecode(path)]
        data = leaf if isinstance(leaf, bytes) else leaf.data if isinstance(leaf, Program) else b""
        if isinstance(leaf, Link):
            data = os.fsencode(leaf.target)
        parts = (path, type(leaf).__name__.encode(), blake3(data).digest())
        hasher.update(b"".join(len(part).to_bytes(8, "little") + part for part in parts))
    return str(hasher.hexdigest())


def runner(directory: Path) -> Run:
    """Runs `art` in `directory`; a command that fails ends it all."""
    art = Art(directory)

    def run(*words: str) -> None:
        result = art(*words)
        if result.code:
            sys.exit(f"art {' '.join(words)}: {result.err}")

    return run


def truth(held: Mapping[str, Held], versions: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What is kept beside the archive: of each version its state, its digest, and the digest of its directory."""
    return {
        ref: {"state": version.state, "digest": versions[ref], "tree": tree_digest(version.tree)}
        for ref, version in held.items()
    }


def main() -> None:
    if ARCHIVE.exists():
        sys.exit(f"{ARCHIVE} is never made again")
    os.environ.update(ART_USER="the makers of art", ART_CONFIG=os.devnull)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder, "format-1")
        directory.mkdir()
        held = fill(directory, runner(directory), long_log=True)
        repository = Repository(directory / ".art")
        states = ("live", "trash", "purged")
        digests = {f"{v.project}/{v.name}:v{v.number}": v.digest for v in repository.catalog.versions(states=states)}
        repository.close()
        TRUTH.write_text(json.dumps(truth(held, digests), indent=1) + "\n")
        with tarfile.open(ARCHIVE, "w:xz", preset=9) as archive:
            archive.add(directory / ".art", "format-1/.art", filter=_shared)
    if ARCHIVE.stat().st_size > LIMIT:
        ARCHIVE.unlink()
        sys.exit("it became too large")


def _shared(item: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Without what one machine knows alone, and without whose machine it was."""
    name = item.name.removeprefix("format-1/.art/")
    if name.startswith(("cache/", "tmp/")) or (name.startswith("local/") and name != "local/config.toml"):
        return None
    item.uid = item.gid = 0
    item.uname = item.gname = ""
    return item


if __name__ == "__main__":
    main()
