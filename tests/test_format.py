"""FORMAT.md is enough to read a repository: a reader that knows nothing else reads new ones and the golden one."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from blake3 import blake3
from zstandard import ZstdDecompressor

import artcli
from artcli.catalog.fold import Fold
from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal, records
from artcli.catalog.runs.register import Register
from artcli.flows.runs.rows import FSYNC_EVERY
from tests.cli.conftest import FOREIGN
from tests.golden import make, read_without_art
from tests.golden.make import Held
from tests.kit.command_line import Art
from tests.kit.trees import harvest

FORMAT = (Path(artcli.__file__).parent / "FORMAT.md").read_text("utf-8")
GOLDEN = pytest.mark.skipif(sys.platform == "darwin", reason="names that are not UTF-8")


class Made(NamedTuple):
    directory: Path
    held: dict[str, Held]

    @property
    def art(self) -> Path:
        return self.directory / ".art"


@pytest.fixture(scope="module", autouse=True)
def _nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith("ART_") or name in FOREIGN:
                patch.delenv(name)
        patch.setenv("ART_CONFIG", str(tmp_path_factory.mktemp("user") / "user.toml"))
        patch.setenv("ART_USER", "tester")
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, _nobodys_settings: None) -> Made:
    """A repository with whatever format 1 knows."""
    directory = tmp_path_factory.mktemp("made")
    return Made(directory, make.fill(directory, make.runner(directory)))


@pytest.fixture(scope="module")
def chunks(made: Made) -> read_without_art.Chunks:
    return read_without_art.Chunks(made.art)


def test_a_repository_is_read_without_art(made: Made, tmp_path: Path) -> None:
    assert_readable(made, tmp_path)


def assert_readable(made: Made, tmp_path: Path) -> None:
    listed = [line.split("\t") for line in without_art(made.art).splitlines()]
    assert {ref: state for ref, state, *_ in listed} == {ref: held.state for ref, held in made.held.items()}
    for ref, held in made.held.items():
        if held.state != "purged":
            without_art(made.art, ref, tmp_path / ref.replace("/", "-"))
            assert harvest(tmp_path / ref.replace("/", "-")) == held.tree, ref


@pytest.mark.parametrize("id", make.RUNS)
def test_a_run_is_read_without_art(id: str, made: Made, tmp_path: Path) -> None:
    assert_run(made.art, id, tmp_path)


def assert_run(art: Path, id: str, tmp_path: Path) -> None:
    held = make.RUNS[id]
    run = read_without_art.read_runs(art)[id]
    assert (run["state"], run["outcome"]) == (held.state, held.outcome)
    if held.state == "purged":
        with pytest.raises(KeyError):
            list(read_without_art.records(read_without_art.Chunks(art), run))
        return
    said = [json.loads(line, object_hook=number) for line in without_art(art, f"run:{id}").splitlines()]
    rows = [[record["k"], record.get("s"), record["d"]] for record in said]
    assert repr([row for row in rows if row[0] not in ("start", "console", "file")]) == repr(held.said)
    assert "".join(record["d"]["text"] for record in said if record["k"] == "console") == held.console
    without_art(art, f"run:{id}", tmp_path / "files")
    assert harvest(tmp_path / "files") == held.files


def number(found: dict[str, Any]) -> Any:
    return float(found["_n"]) if set(found) == {"_n"} else found


def without_art(*words: str | Path) -> str:
    command = [sys.executable, "-I", read_without_art.__file__, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_the_repository_that_is_read_has_whatever_there_is(made: Made, chunks: read_without_art.Chunks) -> None:
    assert {place[4] for place in chunks.places.values()} == {0, 1, 2, 3, 4}
    pages = Counter(data[:5] for data in map(chunks.read, chunks.places) if data[:4] in (b"amp1", b"acl1"))
    assert set(pages) == {b"amp1\0", b"amp1\1", b"acl1\0", b"acl1\1"}
    facts = [json.loads(line) for line in read_without_art.log_lines(made.art)]
    assert {fact["kind"] for fact in facts} == (fact_kinds() - {"condemn"}) | {"weather"}
    assert max(len(fact["data"].get("remove", ())) for fact in facts) >= 7, "no indexes were merged"
    assert any(fact.get("undoes") for fact in facts)
    named = [
        value["text"]
        for fact in facts
        for value in fact["data"].values()
        if isinstance(value, dict) and "text" in value
    ]
    assert [bytes.fromhex(name) in chunks.places for name in dict.fromkeys(named)] == [True, True, True, False]
    assert {held.state for held in made.held.values()} == {"live", "trash", "purged"}


def fact_kinds() -> set[str]:
    import sqlite3

    with closing(sqlite3.connect(":memory:")) as database:
        return set(Fold(database)._kinds)


@pytest.mark.parametrize("folder", ["config", "log", "packs"])
def test_the_reader_finds_damage(folder: str, made: Made, tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", made.art, tmp_path], check=True)
    files = [path for path in (tmp_path / ".art").rglob("*") if path.is_file()]
    largest = max((path for path in files if folder in path.parts), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.chmod(0o644)
    largest.write_bytes(data)
    with pytest.raises(subprocess.CalledProcessError) as failure:
        without_art(tmp_path / ".art", "golden/numbers:v0", tmp_path / "numbers")
    assert "damaged" in failure.value.stderr


def test_indexes_are_what_the_page_says(made: Made, chunks: read_without_art.Chunks) -> None:
    repository = Repository(made.art)
    live = repository.catalog.indexes()
    repository.close()
    listed = {}
    for name in live:
        data = (made.art / "index" / name).read_bytes()
        assert blake3(data).hexdigest() == name
        listed.update(index_rows(data))
    places = {digest: (place[0].name, *place[1:]) for digest, place in chunks.places.items()}
    assert listed.items() <= places.items()
    # what gc has found to be needed by nobody may lie in a pack and be in no index
    alone = read_without_art.Chunks(made.art)
    alone.places = {digest: place for digest, place in alone.places.items() if digest in listed}
    for ref, version in read_without_art.read_versions(made.art).items():
        if version["state"] != "purged":
            entries = read_without_art.entries(alone, *(bytes.fromhex(version[key]) for key in ("page", "digest")))
            assert {digest for entry in entries for digest in entry.chunks} <= listed.keys(), ref


def index_rows(data: bytes) -> Iterator[tuple[bytes, tuple[str, int, int, int, int]]]:
    assert data[:8] == b"art-idx\1"
    bits, rows, packs = struct.unpack_from("<B3xII", data, 8)
    assert bits == min((rows // 8).bit_length(), 16)
    fan_out = struct.unpack_from(f"<{2**bits + 1}I", data, 20)
    digests = 20 + 4 * len(fan_out)
    locations, names = digests + 32 * rows, digests + 49 * rows
    assert len(data) == names + 33 * packs
    assert set(data[names + 32 * packs :]) <= {0, 1}
    found = [data[digests + 32 * i :][:32] for i in range(rows)]
    assert found == sorted(set(found))
    heads = [int.from_bytes(digest[:4], "big") >> 32 - bits for digest in found]
    assert list(fan_out) == [sum(head < p for head in heads) for p in range(2**bits + 1)]
    for i, digest in enumerate(found):
        number, *place = struct.unpack_from("<IIIIB", data, locations + 17 * i)
        yield digest, (data[names + 32 * number :][:32].hex(), *place)


def test_every_folder_and_file_has_its_line(made: Made) -> None:
    assert made_folders(made.art) <= named_folders(), "FORMAT.md does not say what they are"


def made_folders(art: Path) -> set[str]:
    """What a repository holds, as FORMAT.md calls it: what stands directly in it, and what is in `local`."""
    names = {path.name for path in art.iterdir()}
    return names | {f"local/{path.name}" for path in (art / "local").iterdir()}


def named_folders() -> set[str]:
    tree = FORMAT.split("## Folder tree")[1].split("```")[1]
    found = set()
    for line in tree.splitlines():
        if "── " in line:
            name = line.split("── ")[1].split()[0].split("/")[0]
            found.add(f"local/{name}" if line.startswith("│") else name)
    return found


def test_every_kind_of_fact_has_its_line() -> None:
    table = FORMAT.split("### Facts")[1].split("## Write order")[0]
    rows = [line.split("|")[1] for line in table.split("| kind | data |")[1].splitlines() if line.startswith("| `")]
    assert {kind.strip(" `") for row in rows for kind in row.split(",")} == fact_kinds()


def test_every_limit_is_that_of_the_code() -> None:
    from artcli.catalog import facts, log
    from artcli.catalog.manifest import entry, layers, page
    from artcli.store import chunker, codec, index, pack

    said = {
        "An entry has at most 1 MiB": log.ENTRY_SIZE == 1 << 20,
        "1 MiB, 256 KiB": facts.FACT_SIZE == 1 << 18,
        "no more than 64 MiB": log.SEGMENT_SIZE == 64 << 20,
        "at most 512;": layers.COUNT_LIMIT == 512,
        "has reached 256 KiB": layers.WEIGHT_LIMIT == 1 << 18,
        "a page has at most 1 MiB": page.PAGE_LIMIT == codec.MAX_LENGTH == 1 << 20,
        "up to 256 bytes stands in its entry": entry.INLINE == 256,
        "more than 16 chunks": entry.LISTED_HERE == 16,
        "2^50 bytes": entry.SIZE_LIMIT == 1 << 50,
        "4,096 bytes or 256 components": (entry.PATH_LIMIT, entry.DEPTH_LIMIT) == (4096, 256),
        "48 KiB and 256 KiB as": (chunker.LEAST, chunker.AVERAGE, chunker.MOST) == (1 << 14, 48 << 10, 1 << 18),
        "window at most 8 MiB": codec.WINDOW == 8 << 20,
        "A line has at most 512 KiB": records.LIMIT == 512 << 10,
        "Steps are less than 2^53": records.MOST_STEPS == 2**53,
        "said in the last 30 seconds": FSYNC_EVERY == 30.0,
        "full from 16 MiB": (pack.TARGET, pack.LIMIT) == (16 << 20, 32 << 20),
        "Eight indexes of a tier": index.MERGED == 8,
    }
    text = " ".join(FORMAT.split())
    assert [words for words in said if words not in text] == [], "FORMAT.md says it otherwise by now"
    assert [words for words, so in said.items() if not so] == []


# The golden repository


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    with tarfile.open(make.ARCHIVE) as archive:
        if sys.version_info >= (3, 12):
            archive.extractall(tmp_path, filter="fully_trusted")
        else:
            archive.extractall(tmp_path)
    return tmp_path / "format-1"


TRUTH = json.loads(make.TRUTH.read_text("utf-8")) if make.TRUTH.exists() else {}


@GOLDEN
def test_a_repository_of_format_1_opens_for_ever(golden: Path) -> None:
    art = Art(golden)
    repository = Repository(golden / ".art")
    versions = list(repository.catalog.versions(states=("live", "trash", "purged")))
    repository.close()
    assert {f"{v.project}/{v.name}:v{v.number}": (v.state, v.digest) for v in versions} == {
        ref: (known["state"], known["digest"]) for ref, known in TRUTH.items()
    }
    for ref, known in TRUTH.items():
        if known["state"] == "live":
            assert art("verify", ref).code == 0, ref
            used = art("use", ref, "--root", golden / "used" / ref.replace(":", "-"))
            assert used.code == 0, used.err
            assert make.tree_digest(harvest(Path(used.out.rstrip("\n")))) == known["tree"], ref
    checked = art("fsck", "--full")
    assert (checked.code, checked.err) == (0, checked.err)


@GOLDEN
def test_what_was_said_of_versions_is_still_said(golden: Path) -> None:
    art = Art(golden)
    best = art("show", "model:best", "--json").json
    assert (best["ref"], best["aliases"], best["tags"]) == (
        "network:v8",
        ["latest", "best", "deployed"],
        ["good night"],
    )
    assert best["metadata"] == {"accuracy": 0.93, "tuned": {"by": ["café", 1, None]}}
    assert (best["description"], best["note"]) == ("the best", "First line\n\n* second\n")
    assert (best["artifact"]["description"], best["artifact"]["keep_last"]) == ("mean digits", 20)
    digits = art("show", "digits:v1", "--json").json
    assert (digits["note"], digits["artifact"]["note"]) == (make.CARD.replace("strokes", "curves"), make.CARD)
    edits = [item["new"] for item in art("audit", "digits:v1", "--json").json["items"] if item["field"] == "note"]
    assert edits == [make.CARD.replace("strokes", word) for word in ("curves", "lines")]
    assert art("show", "network:v0", "--field", "metadata").json == {"round": 0}
    assert art("show", "digits:blinking", "--field", "ref").out == "digits:v1\n"
    assert art("show", "things:v0", "--field", "reason").out == "the beginning\n"
    assert "1,121 facts" in art("audit", "--verify").err
    repository = Repository(golden / ".art")
    catalog = repository.catalog
    artifact = catalog.artifact("golden", "model")
    assert artifact is not None
    assert {alias.alias: alias.protected for alias in catalog.aliases(artifact.id)} == {"best": False, "deployed": True}
    assert catalog.faults() == []
    repository.close()


@GOLDEN
def test_a_repository_of_format_1_is_added_to(golden: Path, tmp_path: Path) -> None:
    art = Art(golden)
    assert art("use", "things:v1", "--root", "things").code == 0
    (golden / "things" / "new.txt").write_bytes(b"new\n" * 100)
    held = harvest(golden / "things")
    logged = art("log-artifact", "things", "things", "--json")
    assert logged.code == 0, logged.err
    assert art("restore", "network:v3").code == art("undo").code == art("gc").code == art("fsck").code == 0
    without_art(golden / ".art", "golden/things:v2", tmp_path / "without")
    assert harvest(tmp_path / "without") == held


@GOLDEN
def test_a_repository_of_format_1_is_read_without_art(golden: Path, tmp_path: Path) -> None:
    listed = dict(line.split("\t")[:2] for line in without_art(golden / ".art").splitlines())
    assert listed == {ref: known["state"] for ref, known in TRUTH.items()}
    for ref, known in TRUTH.items():
        if known["state"] != "purged":
            without_art(golden / ".art", ref, tmp_path / ref.replace("/", "-"))
            assert make.tree_digest(harvest(tmp_path / ref.replace("/", "-"))) == known["tree"], ref
    assert without_art(golden / ".art", "golden/network:v8") == "the best\nFirst line\n\n* second\n"
    assert without_art(golden / ".art", "golden/digits:v1") == "\n" + make.CARD.replace("strokes", "curves")


@GOLDEN
@pytest.mark.parametrize("id", make.RUNS)
def test_a_run_of_format_1_is_read_for_ever(id: str, golden: Path, tmp_path: Path) -> None:
    assert_run(golden / ".art", id, tmp_path)
    held = make.RUNS[id]
    repository = Repository(golden / ".art")
    run = Register(repository.follower.database).run(id)
    assert run is not None
    assert (run.state, run.outcome) == (held.state, held.outcome)
    if held.state != "purged":
        said = [[one.kind, one.step, one.data] for one in journal.everything(repository, id)]
        assert repr([row for row in said if row[0] not in ("start", "file")]) == repr(held.said)
        console = [str(one.data["text"]) for one in journal.everything(repository, id, console=True)]
        assert "".join(console) == held.console
    repository.close()


@GOLDEN
def test_what_runs_used_and_logged_is_still_known(golden: Path) -> None:
    repository = Repository(golden / ".art")
    register, catalog = Register(repository.follower.database), repository.catalog
    train = register.run("golden-train")
    assert train is not None
    assert (train.name, train.job_type, train.group, train.notes) == ("the first", "train", "digits", None)
    assert register.tags("golden-train") == {"golden-train": ["good night", "kept"]}
    refs = {version.id: version.ref for version in catalog.versions()}
    used = [(refs.get(one.version or "", one.uri), one.role) for one in register.inputs(train.id)]
    assert used == [("digits:v1", "training"), ("https://archive.ics.uci.edu/dataset/80", None)]
    [made] = register.outputs(train.id)
    assert refs[made.version] == "network:v8"
    assert [run.id for run in register.producers(made.version)] == ["golden-train"]
    crash = register.run("golden-crash")
    assert crash is not None
    assert (crash.outcome, crash.exit, crash.resumes) == ("failed", 3, 1)
    repository.close()


@GOLDEN
def test_a_segment_is_what_the_page_says(golden: Path) -> None:
    data = (golden / ".art/segments/0000000000").read_bytes()
    assert blake3(b"segments/0000000000\0" + data[:-32]).digest() == data[-32:]
    text = ZstdDecompressor().decompressobj().decompress(data[:-32])
    for n in range(1000):
        (size,) = struct.unpack_from("<I", text)
        assert text[4 : 4 + size] == (golden / f".art/log/0000000/{n:010d}").read_bytes()
        text = text[4 + size :]
    assert text == b""
