"""Archives: what any tar and unzip makes of them, the same bytes every time, and none where bytes are damaged."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from artcli.catalog.manifest import Entry
from artcli.content import digest_of
from artcli.errors import ArtError, IntegrityError
from artcli.flows import archive
from artcli.flows.contents import Opened
from artcli.flows.export import Export, format_of
from artcli.flows.references.bring import paths
from tests.flows.shelf import MIXED, Shelf
from tests.flows.workshop import PROJECT
from tests.kit.trees import Empty, Leaf, Link, Program, harvest

NAMES: dict[str, Leaf] = {
    "deep/" * 40 + "file": b"beyond the hundred bytes of a tar header",
    "n" * 255: b"long",
    "übung/größe": "für alle".encode(),
    "new\nline": b"two lines",
    os.fsdecode(b"not \xff utf-8"): b"bytes are a name",
    os.fsdecode(b"sub/\xe9t\xe9"): Program(b"latin-1"),
    "to\u00fcber": Link("übung/größe"),
    "to-bytes": Link(os.fsdecode(b"not \xff utf-8")),
}
TREE = {**MIXED, **NAMES}


def export(shelf: Shelf, format: str, ref: str = "data", **more: Any) -> bytes:
    return b"".join(Export(shelf.repository, ref, PROJECT, format, workers=2, **more).blocks())


def from_tar(data: bytes) -> dict[str, Leaf]:
    """What Python's tarfile reads."""
    found: dict[str, Leaf] = {}
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape") as opened:
        for member in opened:
            assert (member.mtime, member.uid, member.gid, member.uname) == (archive.MTIME, 0, 0, "")
            if member.issym():
                found[member.name] = Link(member.linkname)
            elif member.isdir():
                found[member.name] = Empty()
            else:
                file = opened.extractfile(member)
                assert file is not None
                content = file.read()
                found[member.name] = Program(content) if member.mode & 0o100 else content
    return found


def from_zip(data: bytes) -> dict[str, Leaf]:
    """What Python's zipfile reads; names that are no UTF-8 come as those of code page 437."""
    found: dict[str, Leaf] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        for info in opened.infolist():
            name = info.filename
            if not info.flag_bits & 0x800:
                name = os.fsdecode(name.encode("cp437"))
            mode, content = info.external_attr >> 16, opened.read(info)
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            if stat.S_ISLNK(mode):
                found[name] = Link(os.fsdecode(content))
            elif stat.S_ISDIR(mode):
                found[name.rstrip("/")] = Empty()
            else:
                found[name] = Program(content) if mode & 0o100 else content
    return found


@pytest.mark.parametrize(("format", "reader"), [("tar", from_tar), ("zip", from_zip)])
def test_an_archive_holds_what_the_version_holds(shelf: Shelf, format: str, reader: Any) -> None:
    shelf.log(TREE)
    data = export(shelf, format)
    assert reader(data) == TREE
    assert list(reader(data)) == [os.fsdecode(name) for name in sorted(map(os.fsencode, TREE))]


def test_tar_itself_brings_it_back(shelf: Shelf, tmp_path: Path) -> None:
    shelf.log(TREE)
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-x", "-C", tmp_path / "out"], input=export(shelf, "tar"), check=True)
    assert harvest(tmp_path / "out") == TREE


@pytest.mark.skipif(shutil.which("unzip") is None, reason="needs unzip")
def test_unzip_brings_it_back(shelf: Shelf, tmp_path: Path) -> None:
    shelf.log(MIXED)
    (tmp_path / "x.zip").write_bytes(export(shelf, "zip"))
    subprocess.run(["unzip", "-q", tmp_path / "x.zip", "-d", tmp_path / "out"], check=True)
    assert harvest(tmp_path / "out") == MIXED


@pytest.mark.parametrize("format", ["tar", "zip"])
def test_the_same_content_gives_the_same_bytes(shelf: Shelf, tmp_path: Path, format: str) -> None:
    shelf.log(TREE)
    first = export(shelf, format)
    (tmp_path / "elsewhere").mkdir()
    other = Shelf(tmp_path / "elsewhere")
    other.log({"something": b"else"})
    other.log(TREE)
    assert export(other, format) == first == export(shelf, format)
    other.repository.close()


@pytest.mark.parametrize("format", ["tar", "zip"])
def test_an_empty_version(shelf: Shelf, format: str) -> None:
    shelf.log({}, allow_empty=True)
    assert {"tar": from_tar, "zip": from_zip}[format](export(shelf, format)) == {}


def test_a_folder_or_a_file_of_a_version(shelf: Shelf) -> None:
    shelf.log(MIXED)
    assert set(from_tar(export(shelf, "tar", "data:v0/sub"))) == {"medium", "one", "two"}
    assert set(from_zip(export(shelf, "zip", "data:v0/sub/one"))) == {"one"}
    with pytest.raises(ArtError) as caught:
        export(shelf, "tar", "data:v0/nix")
    assert caught.value.slug == "no-such-path"


def test_references_are_left_out_and_named(shelf: Shelf) -> None:
    shelf.log_reference()
    made = Export(shelf.repository, "elsewhere", PROJECT, "tar")
    assert from_tar(b"".join(made.blocks())) == {"here": b"here"}
    assert (paths(made.done.left_out), made.done.entries, made.done.size) == (["big"], 1, 4)


# --- as a file ---


def test_a_file_is_written_whole_and_never_over_another(shelf: Shelf, tmp_path: Path) -> None:
    shelf.log(MIXED)
    path = tmp_path / "out" / "data.tar"
    Export(shelf.repository, "data", PROJECT, "tar").write(path)
    assert from_tar(path.read_bytes()) == MIXED
    path.write_bytes(b"mine")
    with pytest.raises(ArtError) as caught:
        Export(shelf.repository, "data", PROJECT, "tar").write(path)
    assert (caught.value.slug, caught.value.exit_code) == ("destination-not-empty", 6)
    assert harvest(path.parent) == {"data.tar": b"mine"}


@pytest.mark.parametrize("format", ["tar", "zip"])
def test_damage_leaves_no_archive(shelf: Shelf, tmp_path: Path, format: str) -> None:
    shelf.log(MIXED)
    right = export(shelf, format)
    out = tmp_path / "out"
    out.mkdir()
    refused = 0
    for _ in shelf.damages(15):
        try:
            Export(shelf.repository, "data", PROJECT, format, workers=2).write(out / "a")
        except IntegrityError:
            refused += 1
            assert harvest(out) == {}
        else:
            assert (out / "a").read_bytes() == right
            (out / "a").unlink()
    assert refused > 10


# --- large numbers ---


def empty_files(count: int) -> Any:
    for i in range(count):
        yield Opened(Entry(b"%07d" % i, 0, 0, digest_of(b""), b""), ())


def test_more_files_than_a_plain_zip_may_have() -> None:
    data = b"".join(archive.zip(empty_files(66_000)))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        names = opened.namelist()
    assert (len(names), names[-1]) == (66_000, "0065999")


@pytest.mark.parametrize("make", [archive.tar, archive.zip])
def test_memory_does_not_grow_with_the_number_of_files(make: archive.Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_SPOOLED", 10_000)
    monkeypatch.setattr(archive, "PIECE", 10_000)
    peaks = []
    for count in (500, 5000):
        tracemalloc.start()
        for _ in make(empty_files(count)):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000


def test_large_files_have_their_place_in_a_zip() -> None:
    """Sizes and offsets beyond 32 bits stand in ZIP64 fields, which zipfile reads: here only its directory."""
    size = 5 * 2**30
    places = {b"a": 0, b"b": size}
    members = [archive._Member(Entry(name, 0, size, b"", None, b"", b"list"), at) for name, at in places.items()]
    directory = b"".join(member.central() for member in members)
    end = archive._end(2, len(directory), 2 * size)
    with zipfile.ZipFile(Hollow(2 * size, directory + end)) as opened:
        assert [(info.file_size, info.header_offset) for info in opened.infolist()] == [(size, 0), (size, size)]


def test_a_size_beyond_the_header_of_a_tar() -> None:
    for size in (8**11 - 1, 8**11, 10**12):
        header = archive._tar_header(Entry(b"big", 0, size, b"", None, b"", b"list"))
        info = tarfile.TarInfo.frombuf(header[-512:], "utf-8", "strict")
        assert info.isreg()
        with tarfile.open(fileobj=io.BytesIO(header)) as opened:
            member = opened.next()
        assert member is not None
        assert (member.name, member.size) == ("big", size)


def test_names_of_any_length() -> None:
    path = ("é" * 120 + "/") * 40
    for length in (1, *range(80, 110), 255, *range(975, 995), 4000):
        entry = Entry(path[: length // 2].encode().rstrip(b"/") or b"x", 0, 0, b"", b"")
        found = from_tar(b"".join(archive.tar([Opened(entry, ())])))
        assert list(found) == [entry.path.decode()]


def test_the_bytes_stay_what_they_are() -> None:
    """The bytes are pinned: whoever has the digest of an archive finds it again."""
    entries = [Opened(Entry(b"a", 0, 3, b"", b"abc"), (b"abc",)), Opened(Entry("ü".encode(), 3, 0, b""), ())]
    assert digest_of(b"".join(archive.tar(entries))).hex()[:12] == "354d8a6856ea"
    assert digest_of(b"".join(archive.zip(entries))).hex()[:12] == "84cd1b6ed9d5"


class Hollow(io.RawIOBase):
    """A file of which only the end is there."""

    def __init__(self, hole: int, end: bytes) -> None:
        self.hole, self.end, self.at = hole, end, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, self.hole + len(self.end))[whence]
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, size: int = -1) -> bytes:
        start = self.at - self.hole
        data = self.end[start:] if size < 0 else self.end[start : start + size]
        self.at += len(data)
        return data


@pytest.mark.soak
def test_a_file_of_five_gigabytes(tmp_path: Path) -> None:
    block = bytes(1 << 20)
    entry = Entry(b"big", 0, 5 << 30, b"", None, b"", b"list")
    with open(tmp_path / "big.zip", "wb") as file:
        for piece in archive.zip([Opened(entry, (block for _ in range(5 << 10)))]):
            if any(piece[:100]) or len(piece) < len(block):
                file.write(piece)
            else:
                file.seek(len(piece), os.SEEK_CUR)
    with zipfile.ZipFile(tmp_path / "big.zip") as opened:
        assert opened.testzip() is None


# --- formats ---


@pytest.mark.parametrize(
    ("path", "format"),
    [(None, "tar"), ("-", "tar"), ("x", "tar"), ("x.zip", "zip"), ("a/b.ZIP", "zip"), ("x.tar", "tar")],
)
def test_the_name_tells_the_format(path: str | None, format: str) -> None:
    assert format_of(path) == format


@pytest.mark.parametrize("path", ["x.tar.gz", "x.tgz", "x.tar.zst"])
def test_archives_are_not_compressed_here(path: str) -> None:
    with pytest.raises(ArtError) as caught:
        format_of(path)
    assert caught.value.slug == "bad-archive"
    assert "| " in (caught.value.hint or "")
