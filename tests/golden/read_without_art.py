"""Reads a repository without art, by artcli/FORMAT.md alone. Needs Python 3.10, blake3 and zstandard.

python read_without_art.py .art                           lists all versions
python read_without_art.py .art PROJECT/NAME:vN           prints its description and its note
python read_without_art.py .art PROJECT/NAME:vN FOLDER    brings one back into FOLDER, which must not exist
python read_without_art.py .art run:ID                    prints what a run said, a JSON line each
python read_without_art.py .art run:ID FOLDER             brings its files back
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from blake3 import blake3
from zstandard import ZstdDecompressor

STATES = {"delete": ("live", "trash"), "restore": ("trash", "live"), "purge": ("trash", "purged")}
TEXTS = ("description", "note")
FILE, EXECUTABLE, SYMLINK, DIRECTORY, REFERENCE = range(5)


class Entry(NamedTuple):
    path: bytes
    kind: int
    digest: bytes
    data: bytes
    chunks: list[bytes]


def hash_of(*parts: bytes) -> bytes:
    return blake3(b"".join(parts)).digest()


def check(sound: bool, what: object) -> None:
    if not sound:
        sys.exit(f"damaged: {what}")


def take(file: BinaryIO, letter: str, count: int) -> tuple[int, ...]:
    """A column of numbers: B u8, H u16, I u32, Q u64."""
    return struct.unpack(f"<{count}{letter}", file.read(count * struct.calcsize("<" + letter)))


def take_digests(file: BinaryIO, count: int) -> list[bytes]:
    return [file.read(32) for _ in range(count)]


# The log


def log_lines(art: Path) -> Iterator[bytes]:
    config, checksum = (art / "config").read_bytes().splitlines()
    check(json.loads(checksum)["checksum"] == hash_of(b"config\0", config).hex(), "config")
    place = json.loads(config)["place"]
    n, previous = 0, "0" * 64
    while (art / (key := f"log/{n // 1000:07d}/{n:010d}")).exists():
        text = (art / key).read_bytes()
        header, *facts, last = text.splitlines(keepends=True)
        check(json.loads(last)["checksum"] == hash_of(key.encode(), b"\0", header, *facts).hex(), key)
        check(json.loads(header) == {"format": 1, "place": place, "n": n, "previous": previous}, key)
        yield from (fact.rstrip(b"\n") for fact in facts)
        n, previous = n + 1, hash_of(text).hex()


def read_versions(art: Path) -> dict[str, dict[str, Any]]:
    """The versions by what they are called now, in the order in which they came to be."""
    artifacts: dict[tuple[str, str], dict[str, Any]] = {}  # one that was renamed stands under each of its names
    versions: dict[str, dict[str, Any]] = {}
    for line in dict.fromkeys(log_lines(art)):
        fact = json.loads(line)
        kind, data = fact["kind"], fact["data"]
        if kind == "version":
            artifact = artifacts.setdefault((data["project"], data["name"]), {"name": data["name"], "next": 0})
            versions[hash_of(line)[:16].hex()] = {**data, "of": artifact, "n": artifact["next"], "state": "live"}
            artifact["next"] += 1
        elif kind == "rename" and (artifact := artifacts.get((data["project"], data["from"]), {})):
            if artifacts.setdefault((data["project"], data["to"]), artifact) is artifact:
                artifact["name"] = data["to"]
        elif kind == "edit" and data["field"] in TEXTS and data.get("version") in versions:
            versions[data["version"]][data["field"]] = data.get("to")
        elif kind in STATES and "version" in data and versions[data["version"]]["state"] == STATES[kind][0]:
            versions[data["version"]]["state"] = STATES[kind][1]
    return {f"{version['project']}/{version['of']['name']}:v{version['n']}": version for version in versions.values()}


def read_runs(art: Path) -> dict[str, dict[str, Any]]:
    """The runs by id, in the order in which they began, with their segments in order."""
    runs: dict[str, dict[str, Any]] = {}
    for line in dict.fromkeys(log_lines(art)):
        fact = json.loads(line)
        kind, data = fact["kind"], fact["data"]
        if kind == "run":
            runs[data["run"]] = {**data, "state": "live", "outcome": None, "exit": None, "segments": []}
        elif run := runs.get(data.get("run", "")):
            if kind in ("finish", "resume"):
                run.update(outcome=data.get("outcome"), exit=data.get("exit"))
            elif kind == "segment":
                run["segments"].append(data)
            elif kind == "edit":
                run[data["field"]] = data.get("to")
            elif kind in STATES and run["state"] == STATES[kind][0]:
                run["state"] = STATES[kind][1]
    for run in runs.values():
        run["segments"].sort(key=lambda part: (part["resumes"], part["since"], part["writer"], part["n"]))
    return runs


# The chunks


class Chunks:
    def __init__(self, art: Path) -> None:
        self.places: dict[bytes, tuple[Path, int, int, int, int]] = {}
        for pack in art.glob("packs/*/*"):
            data = pack.read_bytes()
            check(hash_of(data).hex() == pack.name, pack)
            table = BytesIO(data[-12 - int.from_bytes(data[-12:-8], "little") : -12])
            (n,) = take(table, "I", 1)
            digests, stored, lengths = take_digests(table, n), take(table, "I", n), take(table, "I", n)
            offset = 16
            for digest, size, length, codec in zip(digests, stored, lengths, take(table, "B", n), strict=True):
                self.places[digest] = (pack, offset, size, length, codec)
                offset += size

    def read(self, digest: bytes) -> bytes:
        pack, offset, size, length, codec = self.places[digest]
        with pack.open("rb") as file:
            file.seek(offset)
            plain = frame = file.read(size)
        if codec == 1:
            plain = ZstdDecompressor().decompress(frame)
        elif codec > 1:
            plain = join_planes(BytesIO(frame), {2: 2, 3: 4, 4: 8}[codec], length)
        check(hash_of(plain) == digest, f"chunk {digest.hex()}")
        return plain

    def text(self, value: str | dict[str, str] | None) -> str:
        """A text as a fact has it: it stands there, or is a chunk that is named."""
        return self.read(bytes.fromhex(value["text"])).decode() if isinstance(value, dict) else value or ""

    def listed(self, page: bytes) -> list[bytes]:
        """The chunks of a chunk list."""
        file = BytesIO(self.read(page))
        check(file.read(4) == b"acl1", f"chunk list {page.hex()}")
        (level,), (n,) = take(file, "B", 1), take(file, "H", 1)
        file.read((16 if level else 4) * n)
        digests = take_digests(file, n)
        return [chunk for below in digests for chunk in self.listed(below)] if level else digests


def join_planes(frame: BinaryIO, stride: int, length: int) -> bytes:
    whole = bytearray(length)
    for k, size in enumerate(take(frame, "I", stride)):
        plane = frame.read(size)
        whole[k::stride] = plane if size == len(whole[k::stride]) else ZstdDecompressor().decompress(plane)
    return bytes(whole)


# What runs said


def records(chunks: Chunks, run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part in run["segments"]:
        for digest in (*part["records"], *part.get("console", ())):
            for line in chunks.read(bytes.fromhex(digest)).splitlines():
                checksum, body = line.split(b" ", 1)
                check(checksum.decode() == hash_of(body)[:8].hex(), line)
                yield json.loads(body)


# The manifest


def entries(chunks: Chunks, page: bytes, content: bytes = b"") -> list[Entry]:
    """The entries below a page; `content`: its content digest, where it is known."""
    file = BytesIO(chunks.read(page))
    check(file.read(4) == b"amp1", f"page {page.hex()}")
    (level,), (n,) = take(file, "B", 1), take(file, "H", 1)
    shared, suffixes, sizes = take(file, "H", n), take(file, "H", n), take(file, "Q", n)
    columns = struct.pack(f"<{n}Q", *sizes)
    if level:
        counts, pages, contents = file.read(8 * n), take_digests(file, n), take_digests(file, n)
        columns, paths = counts + columns + b"".join(contents), take_paths(file, shared, suffixes)
        found = [entry for below in zip(pages, contents, strict=True) for entry in entries(chunks, *below)]
    else:
        kinds, forms = take(file, "B", n), take(file, "B", n)
        lengths = [take(file, "I", 1)[0] if kind in (SYMLINK, REFERENCE) else 0 for kind in kinds]
        in_chunks = [kind <= EXECUTABLE and size > 256 for kind, size in zip(kinds, sizes, strict=True)]
        digests, paths = [file.read(32 * one) for one in in_chunks], take_paths(file, shared, suffixes)
        inline = [size if kind <= EXECUTABLE and size <= 256 else 0 for kind, size in zip(kinds, sizes, strict=True)]
        datas = [file.read(a + b) for a, b in zip(inline, lengths, strict=True)]
        digests = [digest or hash_of(data) for digest, data in zip(digests, datas, strict=True)]
        rows = [chunk_rows(chunks, file, form) for form in forms]
        rows = [row or [digest] * one for row, digest, one in zip(rows, digests, in_chunks, strict=True)]
        columns = bytes(kinds) + columns + b"".join(digests)
        found = list(map(Entry, paths, kinds, digests, datas, rows))
    columns = n.to_bytes(4, "little") + columns + struct.pack(f"<{n}H", *map(len, paths)) + b"".join(paths)
    sort = b"art content inner\n" if level else b"art content leaf\n"
    check(content in (b"", hash_of(sort, columns)), page.hex())
    return found


def take_paths(file: BinaryIO, shared: tuple[int, ...], suffixes: tuple[int, ...]) -> list[bytes]:
    paths = [b""]
    for common, length in zip(shared, suffixes, strict=True):
        paths.append(paths[-1][:common] + file.read(length))
    return paths[1:]


def chunk_rows(chunks: Chunks, file: BinaryIO, form: int) -> list[bytes]:
    if form == 255:
        return chunks.listed(file.read(32))
    return [file.read(36)[:32] for _ in range(form)]


def bring_back(art: Path, ref: str, folder: Path) -> None:
    chunks = Chunks(art)
    folder.mkdir()
    if ref.startswith("run:"):
        parts = read_runs(art)[ref[4:]]["segments"]
        found = [entry for part in parts if "page" in part for entry in entries(chunks, bytes.fromhex(part["page"]))]
    else:
        version = read_versions(art)[ref]
        found = entries(chunks, bytes.fromhex(version["page"]), bytes.fromhex(version["digest"]))
    for entry in found:
        check(not {b"", b".", b".."} & set(entry.path.split(b"/")), entry.path)
        target = os.path.join(os.fsencode(folder), entry.path)
        os.makedirs(target if entry.kind == DIRECTORY else os.path.dirname(target), exist_ok=True)
        if entry.kind == SYMLINK:
            os.symlink(entry.data, target)
        elif entry.kind <= EXECUTABLE:
            with open(target, "xb") as file:
                file.writelines(map(chunks.read, entry.chunks) if entry.chunks else [entry.data])
            os.chmod(target, 0o755 if entry.kind == EXECUTABLE else 0o644)
            with open(target, "rb") as file:
                check(blake3(file.read()).digest() == entry.digest, entry.path)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        bring_back(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    elif len(sys.argv) == 3 and sys.argv[2].startswith("run:"):
        for record in records(Chunks(Path(sys.argv[1])), read_runs(Path(sys.argv[1]))[sys.argv[2][4:]]):
            print(json.dumps(record))
    elif len(sys.argv) == 3:
        said, chunks = read_versions(Path(sys.argv[1]))[sys.argv[2]], Chunks(Path(sys.argv[1]))
        print(*(chunks.text(said.get(field)) for field in TEXTS), sep="\n", end="")
    else:
        for name, version in read_versions(Path(sys.argv[1])).items():
            print(name, version["state"], version["entries"], version["size"], version["digest"], sep="\t")
