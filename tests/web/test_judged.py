"""What a server refuses to let in: nothing becomes visible that is not what its name says, and whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from artcli import lock
from artcli.buckets.disk import DiskBucket
from artcli.buckets.folders import OpenFiles
from artcli.buckets.memory import MemoryBucket
from artcli.catalog.facts import parse
from artcli.catalog.log import GENESIS, SEGMENT, Log, encode, entry_key, segment_key
from artcli.catalog.manifest import FILE, Entry
from artcli.catalog.manifest.entry import Nesting
from artcli.catalog.manifest.page import encode_leaf
from artcli.catalog.repository import encode_config, read_place
from artcli.content import digest_of
from artcli.errors import IntegrityError
from artcli.store.index import build_index, index_key
from artcli.store.pack import DATA, METADATA, Frame, PackBuilder, Row, Table, pack_key
from tests.catalog.kit import version_data
from tests.kit.command_line import Art
from tests.web.conftest import Serve
from tests.web.kit import Server
from tests.web.pushing import Client, fact


@pytest.fixture
def source(art: Art) -> Path:
    """The `.art` of a repository with `data:v0`, of files that are chunks, and `data:v1`."""
    (art.directory / "data").mkdir()
    for number in range(3):
        (art.directory / "data" / f"{number}.bin").write_bytes(bytes([number]) * 300_000 + bytes(range(256)))
    assert art("init").code == art("log-artifact", "data", "data").code == 0
    (art.directory / "data" / "new").write_bytes(b"new" * 1000)
    assert art("log-artifact", "data", "data", "--description", "long " * 1000).code == 0
    return art.directory / ".art"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


@pytest.fixture
def client(serve: Serve, source: Path, place: Path) -> Client:
    return Client(serve("place"), source)


def packed(kind: int, *chunks: bytes) -> tuple[str, bytes, Table]:
    builder = PackBuilder(kind)
    for chunk in chunks:
        builder.add(Frame(digest_of(chunk), 0, len(chunk), len(chunk), (chunk,)))
    buffers, table = builder.finish()
    return pack_key(table.pack), b"".join(buffers), table


def indexed(rows: Sequence[Row]) -> tuple[str, bytes]:
    file = build_index(rows)
    return index_key(file.name), b"".join(file.buffers)


def put_all(server: Server, *objects: tuple[str, bytes]) -> list[int]:
    return [server.put(key, data).status for key, data in objects]


def test_what_is_whole_comes_in(client: Client, place: Path, art: Art) -> None:
    assert client.push().status == 201
    assert art("clone", place, "../other").code == 0
    other = Art(art.directory.parent / "other")
    assert other("fsck", "--full").code == 0
    assert other("ls", "-q").lines == art("ls", "-q").lines
    assert (other.directory / other("use", "data:v1").lines[-1] / "new").read_bytes() == b"new" * 1000


def test_the_same_again_and_other_bytes(client: Client) -> None:
    assert client.push().status == 201
    server = client.server
    kept = [*client.objects("packs"), *client.objects("index")]
    assert {server.put(key, data).status for key, data in kept} == {200}
    entry, config = server.get(entry_key(0)).body, server.get("config").body
    for key, data in [(entry_key(0), entry), ("config", config)]:
        assert server.put(key, data).status == 200
        refused = server.put(key, data + b"x")
        assert (refused.status, refused.json["digest"]) == (412, digest_of(data).hex())
        assert server.get(key).body == data
    for key, data in kept:
        assert server.put(key, data[:-1] + b"x").status == 422
        assert server.get(key).body == data


@pytest.mark.parametrize(
    "condition", [{}, {"If-Match": "*"}, {"If-None-Match": '"x"'}, {"If-None-Match": "*", "If-Match": "*"}]
)
def test_nothing_is_overwritten(condition: dict[str, str], client: Client) -> None:
    key, data = client.objects("packs")[0]
    head = {"X-Art-B3": digest_of(data).hex(), **condition}
    assert client.server("PUT", f"/v1/o/{key}", data, head).status == 428
    assert client.server.get(key).status == 404


def test_packs_that_are_none(client: Client) -> None:
    key, data, _ = packed(DATA, b"a" * 1000, b"b" * 1000)
    server = client.server
    assert server.put(key, data[:-1]).status == 422  # another name
    assert server.put(key, data, **{"X-Art-B3": "0" * 64}).status == 422
    assert (
        server("PUT", f"/v1/o/{key}", data[:-1] + b"?", {"If-None-Match": "*", "X-Art-B3": key[-64:]}).slug
        == "wrong-digest"
    )
    for broken in (data[:-8] + b"artpackX", data[:-12] + b"\xff" * 12, data[:16] + data[17:], b"", b"x" * 100):
        name = digest_of(broken)
        refused = server.put(pack_key(name), broken)
        assert (refused.status, refused.slug) == (422, "damaged-pack")
        assert server.get(pack_key(name)).status == 404
    assert list((client.source / "tmp").iterdir()) == []


def test_chunks_that_are_not_what_they_are_called(serve: Serve, place: Path) -> None:
    builder = PackBuilder(DATA)
    builder.add(Frame(digest_of(b"honest"), 0, 6, 6, (b"forged",)))
    buffers, table = builder.finish()
    quick, full = serve("place"), serve("place", "--verify", "full")
    refused = full.put(pack_key(table.pack), b"".join(buffers))
    assert (refused.status, refused.slug) == (422, "damaged-chunk")
    assert quick.put(pack_key(table.pack), b"".join(buffers)).status == 201


def test_indexes_that_lie(client: Client) -> None:
    key, data, table = packed(DATA, b"a" * 1000, b"b" * 1000)
    good = list(table.rows())
    server = client.server
    assert server.put(*indexed(good)).slug == "missing-pack"
    assert server.put(key, data).status == 201
    lies = {
        "a chunk that the pack has not": [*good, good[0]._replace(digest=digest_of(b"elsewhere"))],
        "another place": [good[0], good[1]._replace(offset=17)],
        "another length": [good[0], good[1]._replace(length=1001)],
        "another kind": [row._replace(kind=METADATA) for row in good],
        "another codec": [good[0], good[1]._replace(codec=1)],
        "a pack that is not there": [good[0], good[1]._replace(pack=bytes(32))],
    }
    for what, rows in lies.items():
        refused = server.put(*indexed(rows))
        assert (refused.status, refused.slug) in ((422, "damaged-index"), (422, "missing-pack")), what
    _, whole = indexed(good)
    for broken in (whole[:-1], whole + b"x", whole[:20] + b"\xff\xff\xff\x7f" + whole[24:], b"art-idx"):
        refused = server.put(index_key(digest_of(broken).hex()), broken)
        assert (refused.status, refused.slug) == (422, "damaged-index")
    assert server.put(*indexed(good)).status == server.put(*indexed(good[:1])).status == 201


def test_an_index_whose_rows_cannot_be_found(client: Client) -> None:
    """Its rows are true and out of order: who looks one up would not find it, or the wrong one."""
    key, data, table = packed(DATA, *(bytes([number]) * 100 for number in range(4)))
    assert client.server.put(key, data).status == 201
    name, whole = indexed(list(table.rows()))
    digests = whole.index(min(row.digest for row in table.rows()))
    turned = (
        whole[:digests] + whole[digests + 32 : digests + 64] + whole[digests : digests + 32] + whole[digests + 64 :]
    )
    assert name != index_key(digest_of(turned).hex())
    assert client.server.put(index_key(digest_of(turned).hex()), turned).slug == "damaged-index"


def test_entries_that_do_not_follow(client: Client) -> None:
    assert client.push().status == 201
    server, (n, digest) = client.server, client.head()
    line = fact("tag", version="0" * 32, tag="x")
    for entry, slug in [
        (encode(n + 2, digest, client.place, [line]), "broken-chain"),
        (encode(n + 1, GENESIS, client.place, [line]), "broken-chain"),
        (encode(n + 1, digest, "0" * 32, [line]), "another-place"),
        (encode(n + 1, digest, client.place, [b"no fact"]), "damaged-fact"),
        (encode(n + 1, digest, client.place, [line])[:-9], "damaged-log"),
    ]:
        number = (
            n + 2 if entry.startswith(b'{"format":1,"place":"%s","n":%d' % (client.place.encode(), n + 2)) else n + 1
        )
        refused = server.put(entry_key(number), entry)
        assert (refused.status, refused.slug) == (422, slug)
    assert server.put(entry_key(n + 2), encode(n + 1, digest, client.place, [line])).slug == "damaged-log"
    assert client.head() == (n, digest)
    assert client.commit([line]).status == 201


def test_an_entry_that_names_what_is_missing(client: Client, place: Path) -> None:
    facts = client.facts()
    client.send("packs")
    assert client.commit(one.line for one in facts).slug == "missing-index"
    client.send("index")
    lines = [one.line for one in facts if one.kind != "index"]
    refused = client.commit(lines)
    assert (refused.status, refused.slug) == (422, "not-connected")
    first = fact("index", add=[next(one for one in facts if one.kind == "index").data["add"][0]], remove=[])
    assert client.commit([first, *lines]).slug == "not-connected"
    assert client.commit(one.line for one in facts).status == 201


@pytest.mark.parametrize("kind", [DATA, METADATA])
def test_a_pack_that_goes_before_the_entry(kind: int, client: Client, place: Path) -> None:
    client.send("packs")
    client.send("index")
    magic = b"artpackD" if kind == DATA else b"artpackM"
    key = next(key for key, data in client.objects("packs") if data.endswith(magic))
    (place / key).unlink()
    assert client.commit(one.line for one in client.facts()).slug == "not-connected"
    assert client.push().status == 201


def test_a_condemned_pack_is_not_counted_on(client: Client) -> None:
    client.send("packs")
    client.send("index")
    pack = client.objects("packs")[0][0][-64:]
    assert client.commit([fact("condemn", packs=[pack])]).status == 201
    refused = client.push()
    assert (refused.status, refused.slug) == (422, "not-connected")
    assert pack in refused.json["detail"]


def test_a_page_that_nobody_names_yet_must_be_whole_too(client: Client) -> None:
    """Else the next entry could name it, and be believed: a page that is there stands for all below it."""
    chunk = b"of a file" * 100
    leaf, _ = encode_leaf([Entry(b"path", FILE, len(chunk), digest_of(chunk))], Nesting(IntegrityError))
    key, data, table = packed(METADATA, leaf, b"amp1 is how a text may begin, too")
    index = indexed(list(table.rows()))
    live = fact("index", add=[index[0][6:]], remove=[])
    assert put_all(client.server, (key, data), index) == [201, 201]
    refused = client.commit([live])
    assert (refused.status, refused.slug) == (422, "not-connected")
    assert digest_of(chunk).hex() in refused.json["detail"]
    key, data, table = packed(DATA, chunk)
    more = indexed(list(table.rows()))
    assert put_all(client.server, (key, data), more) == [201, 201]
    assert client.commit([live, fact("index", add=[more[0][6:]], remove=[])]).status == 201


def test_a_version_that_says_what_its_page_does_not(client: Client) -> None:
    assert client.push().status == 201
    told = next(one for one in client.facts() if one.kind == "version").data
    for change in ({"digest": "0" * 64}, {"size": told["size"] + 1}, {"page": "0" * 64}):
        assert client.commit([fact("version", **{**told, **change})]).slug == "not-connected"
    assert client.commit([fact("version", **told)]).status == 201


def test_texts_and_segments_of_runs_must_be_there(client: Client) -> None:
    run = fact("run", run="abc", project="uncategorized", name="abc")
    segment = {"run": "abc", "writer": "0" * 16, "n": 0, "resumes": 0, "since": "2026-11-01T00:00:00.000Z"}
    missing = digest_of(b"records").hex()
    for line in (
        fact("segment", **segment, records=[missing]),
        fact("segment", **segment, records=[], page=missing),
        fact("edit", run="abc", field="notes", to={"text": missing}),
        fact("run", run="def", project="uncategorized", name="d", notes={"text": missing}),
    ):
        assert client.commit([run, line]).slug == "not-connected"
    assert client.commit([run, fact("segment", **segment, records=[])]).status == 201
    assert client.commit([fact("version", **version_data(name="nothing"))]).slug == "not-connected"


def a_thousand(place: str, first: int = SEGMENT) -> MemoryBucket:
    """A log of as many entries, sealed; those from `first` on hold a fact."""
    bucket = MemoryBucket()
    log, digest = Log(bucket, place), GENESIS
    for n in range(SEGMENT):
        made = log.append(n, digest, [] if n < first else [parse(fact("tag", version="0" * 32, tag="x"))])
        assert made
        digest = made.digest
    return bucket


def test_segments_of_the_log(serve: Serve, place: Path) -> None:
    server = serve("place")
    id = read_place(DiskBucket(place))
    whole, key = a_thousand(id), segment_key(0)
    for item in whole.list("log/"):
        (place / item.key).parent.mkdir(parents=True, exist_ok=True)
        (place / item.key).write_bytes(whole.get(item.key))
    sealed = whole.get(key)
    assert server.put(segment_key(1), sealed).slug == "damaged-segment"
    assert server.put(key, sealed[:-1] + b"x").slug == "damaged-segment"
    assert server.put(key, a_thousand(id, 500).get(key)).slug == "damaged-segment"
    assert server.get(key).status == 404
    assert server.put(key, sealed).status == 201
    # the next entry is judged in the light of all of these
    client = Client(server, place)
    assert client.head()[0] == SEGMENT - 1
    assert client.commit([]).status == 201


def test_a_working_repository_may_be_served(serve: Serve, art: Art, source: Path, tmp_path: Path) -> None:
    """What is pushed to it is there for its own commands; its gc waits for who commits."""
    target = Art(tmp_path / "target")
    target.directory.mkdir()
    assert target("init").code == 0
    client = Client(serve("target"), source)
    assert client.push().status == 201
    assert target("ls", "-q").lines == art("ls", "-q").lines
    assert target("fsck", "--full").code == target("gc", "--yes").code == 0
    (target.directory / "f").write_bytes(b"f" * 5000)
    assert target("log-artifact", "own", "f").code == 0
    client.server.stop()
    assert client.server.lines[-1].count(" ") >= 8


def test_a_copy_from_a_backup_is_served_as_it_is(client: Client, place: Path) -> None:
    """The server has followed the log further than it goes now: it looks again, and loses nothing that comes then."""
    assert client.push().status == 201
    for number in range(3):
        assert client.commit([fact("tag", version="0" * 32, tag=f"t{number}")]).status == 201
    for n in (2, 3):
        (place / entry_key(n)).unlink()
    time.sleep(OpenFiles.SECONDS + 0.1)
    assert client.head()[0] == 1
    assert client.commit([fact("tag", version="0" * 32, tag="after")]).status == 201
    assert b"after" in client.server.get(entry_key(2)).body
    (place / entry_key(2)).unlink()
    other = encode(2, client.head()[1], client.place, [fact("tag", version="0" * 32, tag="other")])
    (place / entry_key(2)).write_bytes(other)
    time.sleep(OpenFiles.SECONDS + 0.1)
    assert client.commit([fact("tag", version="0" * 32, tag="last")]).status == 201
    assert client.head()[0] == 3


def test_a_config_that_was_lost_comes_back_only_as_it_was(client: Client, place: Path) -> None:
    config = (place / "config").read_bytes()
    (place / "config").unlink()
    time.sleep(OpenFiles.SECONDS + 0.1)
    for other in (b"", config[:-2] + b"x\n", encode_config("0" * 32)):
        refused = client.server.put("config", other)
        assert (refused.status, refused.slug) == (422, "damaged-config")
    assert not (place / "config").exists()
    assert client.server.put("config", config).status == 201


def test_history_of_what_is_gone_comes_in_with_its_end(client: Client) -> None:
    """Versions that were purged where they come from have no bytes any more; those in the trash have theirs."""
    line = fact("version", **version_data(name="gone"))
    id = parse(line).id
    assert client.commit([line, fact("delete", version=id)]).slug == "not-connected"
    assert client.commit([line, fact("delete", version=id), fact("purge", version=id)]).status == 201


def test_a_commit_waits_for_gc(serve: Serve, source: Path, tmp_path: Path) -> None:
    """What it has judged must not be taken away before it is in the log."""
    target = Art(tmp_path / "target")
    target.directory.mkdir()
    assert target("init").code == 0
    client = Client(serve("target"), source)
    client.send("packs")
    client.send("index")
    answers: list[int] = []
    pushing = threading.Thread(target=lambda: answers.append(client.push().status))
    with lock.held(target.directory / ".art" / "local" / "gc.lock", alone=True, wait=1):
        pushing.start()
        time.sleep(0.7)
        assert answers == []
        assert client.server("GET", "/v1/o/config").status == 200, "who reads does not wait"
    pushing.join()
    assert answers == [201]


def test_metadata_may_look_like_the_name_of_a_text(serve: Serve, art: Art, source: Path, place: Path) -> None:
    """Whatever JSON somebody writes there is nobody's chunk."""
    names = ["no name", "zz" * 32, "ab" * 32]
    for number, name in enumerate(names):
        assert art("edit", "data:v0", "--set", f'key{number}={{"text": "{name}"}}').code == 0
    assert art("log-artifact", "data", "data", "--new-version", "-M", 'description={"text": "no name"}').code == 0
    assert art("remote", "add", "server", serve("place").url).code == 0
    assert art("push").code == 0
    assert art("-C", place, "show", "data:v0", "--json").json["metadata"]["key0"] == {"text": "no name"}
