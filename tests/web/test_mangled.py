"""Objects and facts that were mangled at random, each under the name that its bytes then have: taken or refused, never
anything else, and what is there stays sound."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from artcli.buckets.disk import DiskBucket
from artcli.buckets.memory import MemoryBucket
from artcli.catalog.log import GENESIS, Log, encode, entry_key, segment_key
from artcli.content import bound_digest, digest_of
from artcli.store.index import index_key
from artcli.store.pack import DATA, METADATA, pack_key
from artcli.web.answers import Refused
from artcli.web.bodies import check_body
from artcli.web.guard import ADMIN, WRITE, Bearer
from artcli.web.keys import Kind
from artcli.web.ledger import Ledger
from artcli.web.served import Served
from tests.cli.conftest import art
from tests.kit.command_line import Art
from tests.web.pushing import fact
from tests.web.test_judged import indexed, packed, source

__all__ = ["art", "source"]

TIMES = [pytest.param(400, id="quick"), pytest.param(10_000, id="soak", marks=pytest.mark.soak)]
PLACE = "1" * 32


def mangled(data: bytes, chance: random.Random) -> bytes:
    """The bytes with something wrong: flipped, cut, doubled, moved, or a number that is too large."""
    found = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(found) + 1)
        kind = chance.randrange(6)
        if kind == 0 and at < len(found):
            found[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del found[at : at + chance.choice([1, 4, 17, 32, 1000])]
        elif kind == 2:
            found[at:at] = found[at : at + chance.choice([1, 4, 17, 32])]
        elif kind == 3:
            found[at : at + 4] = chance.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\1\0\0\0"])
        elif kind == 4:
            found[at : at + 8] = chance.randbytes(8)
        else:
            del found[at:]
    return bytes(found)


def judged(bucket: MemoryBucket, key: str, kind: Kind, data: bytes) -> bool:
    """Whether it would be let in; anything but a refusal with a name goes through."""
    try:
        check_body(bucket, PLACE, key, kind, memoryview(data), full=True)
    except Refused as refused:
        if refused.status != 422:
            raise
        return False
    return True


@pytest.mark.parametrize("times", TIMES)
def test_packs_and_indexes(times: int) -> None:
    chance = random.Random(1)
    bucket = MemoryBucket()
    key, pack, table = packed(DATA, *(chance.randbytes(chance.randrange(1, 300)) for _ in range(40)))
    bucket.add(key, pack)
    name, index = indexed(list(table.rows()))
    assert judged(bucket, key, Kind.PACK, pack)
    assert judged(bucket, name, Kind.INDEX, index)
    taken = 0
    for _ in range(times):
        data = mangled(pack, chance)
        judged(bucket, pack_key(digest_of(data)), Kind.PACK, data)
        data = mangled(index, chance)
        taken += judged(bucket, index_key(digest_of(data).hex()), Kind.INDEX, data) and data != index
    assert taken == 0, "an index that says something else than its pack was taken"


@pytest.mark.parametrize("times", TIMES)
def test_segments(times: int) -> None:
    chance = random.Random(2)
    bucket = MemoryBucket()
    log = Log(bucket, PLACE)
    digest = GENESIS
    for n in range(1000):
        entry = log.append(n, digest, [])
        assert entry
        digest = entry.digest
    key = segment_key(0)
    segment = bucket.get(key)
    assert judged(bucket, key, Kind.SEGMENT, segment)
    for number in range(times // 20):
        frame = mangled(segment[:-32], chance)
        data = frame + bound_digest(key, frame) if number % 2 else mangled(segment, chance)
        assert data == segment or not judged(bucket, key, Kind.SEGMENT, data)


def values(chance: random.Random) -> Any:
    return chance.choice([
        None, True, 0, -1, 1 << 70, 1e308, "", "x", "0" * 32, "0" * 64, "é\u0000", "\ud800", [], {}, [[]],
        {"text": "0" * 64}, {"text": 1}, {"text": "zz"}, ["0" * 64],
        ["zz"], [None], {"entries": 1, "size": 1}, "../x", "v1", "a" * 200,
    ])  # fmt: skip


KINDS = {
    "version": (
        "project", "name", "type", "page", "digest", "entries", "size", "new", "stored", "description", "metadata",
    ),
    "alias": ("version", "alias", "from"), "unalias": ("version", "alias"), "tag": ("version", "run", "tag"),
    "protect": ("version", "alias", "from", "to"), "delete": ("version", "run"), "purge": ("version", "run"),
    "edit": ("version", "run", "project", "name", "field", "key", "from", "to"), "rename": ("project", "from", "to"),
    "run": ("run", "project", "name", "tags", "notes", "group"), "finish": ("run", "outcome", "exit"),
    "resume": ("run",),
    "segment": ("run", "writer", "n", "resumes", "since", "records", "console", "page"), "restore": ("version", "run"),
    "input": ("run", "version", "digest", "uri", "role"), "output": ("run", "version", "digest"),
    "index": ("add", "remove"), "condemn": ("packs",), "": ("x",), "other": ("x",),
}  # fmt: skip


HARMLESS = {"version", "alias", "unalias", "tag", "edit", "run", "finish", "resume", "segment", "input", "output"}


def facts(chance: random.Random, known: list[dict[str, Any]]) -> Iterator[bytes]:
    """Lines that are facts by their form, and mean anything."""
    for _ in range(chance.choice([1, 1, 3])):
        if known and chance.random() < 0.5:
            body = json.loads(json.dumps(chance.choice(known)))
            body["nonce"] = chance.randbytes(16).hex()
            for name in chance.sample(sorted(body["data"]), min(2, len(body["data"]))):
                body["data"][name] = values(chance)
        else:
            kind = chance.choice(sorted(KINDS))
            names = [name for name in KINDS[kind] if chance.random() < 0.8]
            body = json.loads(fact("x"))
            body |= {"kind": kind, "data": {name: values(chance) for name in names}}
        if chance.random() < 0.1:
            body[chance.choice(["required", "undoes", "reason", "time", "actor"])] = values(chance)
        yield json.dumps(body).encode()


@pytest.mark.parametrize("times", TIMES)
def test_entries(times: int, source: Path, art: Art, tmp_path: Path) -> None:
    """What a writer without admin's rights adds hides nothing, and fsck finds nothing afterwards."""
    chance = random.Random(3)
    folder = tmp_path / "place"
    served = Served(DiskBucket(folder, create=True), folder)
    ledger = Ledger(served)
    for part in ("packs", "index"):
        for file in (source / part).rglob("*"):
            if file.is_file():
                served.bucket.add(file.relative_to(source).as_posix(), file.read_bytes())
    own = Log(DiskBucket(source), json.loads((source / "config").read_bytes().splitlines()[0])["place"])
    told = [fact for entry in own.after(-1, GENESIS) for fact in entry.facts]
    head, previous = 0, GENESIS
    data = encode(0, previous, served.place, [fact.line for fact in told])
    assert ledger.add(0, data, Bearer("a", ADMIN))
    previous = digest_of(data).hex()
    known = [json.loads(fact.line) for fact in told]
    counts = {True: 0, False: 0}
    for number in range(times):
        lines = list(facts(chance, known))
        data = encode(head + 1, previous, served.place, lines)
        if number % 4 == 0:
            data = mangled(data, chance)
        bearer = Bearer("writer", WRITE, chance.choice([None, None, "uncategorized"]))
        if number % 2 and all(b'"required"' not in line and json.loads(line)["kind"] in HARMLESS for line in lines):
            bearer = Bearer("admin", ADMIN)  # who may bring facts that mean nothing
        try:
            added = ledger.add(head + 1, data, bearer)
        except Refused as refused:
            if refused.status not in (403, 422):
                raise
            counts[False] += 1
            continue
        assert added
        assert served.bucket.get(entry_key(head + 1)) == data
        head, previous = head + 1, digest_of(data).hex()
        counts[True] += 1
    assert min(counts.values()) > times // 20, counts
    ledger.close()
    assert art("clone", folder, "../other").code == 0
    other = Art(tmp_path / "other")
    assert other("fsck", "--full").code == 0
    assert other("get", "data:v0", "../got").code == 0
    again = Ledger(served)
    assert again.add(head + 1, encode(head + 1, previous, served.place, []), Bearer("a", WRITE))
    again.close()


@pytest.mark.parametrize("kind", [DATA, METADATA])
def test_a_table_that_is_as_large_as_can_be(kind: int) -> None:
    """32 MiB of nothing but rows: it is judged, in bounded time and memory, a few at once."""
    import resource

    count = 600_000
    table = count.to_bytes(4, "little") + bytes(32 * count) + bytes(4 * count) * 2 + bytes(count)
    data = bytes(16) + table + len(table).to_bytes(4, "little") + (b"artpackD" if kind == DATA else b"artpackM")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert judged(MemoryBucket(), pack_key(digest_of(data)), Kind.PACK, data) is False
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
