"""What it costs to share over a line: questions and bytes are counted, and seconds where a line is slow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from artcli.buckets.bucket import Bucket
from artcli.catalog import facts, manifest
from artcli.catalog.facts import Draft
from artcli.catalog.fold import LIVE
from artcli.catalog.manifest import FILE, Entry
from artcli.catalog.place import Place
from artcli.content import digest_of
from artcli.store import pack
from artcli.store.index import build_index, index_key
from artcli.store.pack import Row
from tests.catalog.kit import version_data
from tests.kit import sound, trees
from tests.kit.afar import FarBucket
from tests.kit.command_line import Art
from tests.kit.faulty import FaultyBucket
from tests.kit.machines import World
from tests.kit.proxy import Proxy, Tokens
from tests.kit.trees import Tree
from tests.store.material import noise
from tests.web.kit import Server

SOME_DOZENS = 48
LEVELS = 16
"""Requests for the log, the indexes and each level of a manifest."""
LATENCY, BANDWIDTH = 0.05, 10e6
WORKERS = 4
METADATA = 100
"""Bytes that are said of a chunk in the table of its pack and in an index, at most."""
MIB = 1 << 20


@pytest.fixture
def world(swift: Path) -> World:
    return World(swift / "world", ["car", "laptop"])


class Line:
    """Wraps the shared bucket, and remembers how."""

    def __init__(self, latency: float = 0.0, rate: float = 0.0, *, object_store: bool = False) -> None:
        self.how = latency, rate
        self.object_store = object_store
        self.bucket: FarBucket

    def __call__(self, bucket: Bucket) -> Bucket:
        self.bucket = FarBucket(bucket, *self.how, object_store=self.object_store)
        return self.bucket


def small_files(count: int, prefix: str = "f") -> Tree:
    return {f"{number % 100:02d}/{prefix}{number}": noise(500, f"{prefix}{number}") for number in range(count)}


@pytest.mark.parametrize("count", [3_000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_many_small_files(count: int, world: World) -> None:
    line = Line()
    tree = small_files(count)
    with world.open("car", shared=line) as car:
        car.log("d", {"one": b"1" * 999})
        car.push()
        car.log("d", {"one": b"1" * 999, **tree})
        line.bucket.forget()
        done = car.push()
        assert done.chunks >= count
        assert len(line.bucket.asked) <= SOME_DOZENS, line.bucket.asked
        assert line.bucket.up <= 1.02 * done.stored + METADATA * count
    with world.open("laptop", shared=line) as laptop:
        _ = laptop.place
        line.bucket.forget()
        assert laptop.pull().chunks >= count
        assert len(line.bucket.asked) <= SOME_DOZENS, line.bucket.asked
        assert line.bucket.down <= 1.02 * done.stored + METADATA * count
        assert sound.check_open(laptop.repository)["d:v1"] == {"one": b"1" * 999, **tree}


def test_no_news_is_one_question(world: World) -> None:
    line = Line()
    with world.open("car", shared=line) as car:
        car.log("d", {"one": b"1" * 999})
        car.push()
        line.bucket.forget()
        assert car.place.fetch() == 0
        assert len(line.bucket.asked) == 1
        line.bucket.forget()
        assert car.push()[:3] == (0, 0, 0)
        assert len(line.bucket.asked) <= 6, line.bucket.asked
        line.bucket.forget()
        assert car.pull()[:3] == (0, 0, 0)
        assert len(line.bucket.asked) <= 6, line.bucket.asked


@pytest.mark.parametrize("k", [4, 9, 17, 30])
def test_a_cut_costs_a_pack_a_worker(k: int, world: World, swift: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "TARGET", MIB)
    line = Line()
    with world.open("car", shared=line) as car:
        car.log("d", {f"{number}": noise(200_000, f"{number}") for number in range(120)})
        _ = car.place
    whole = world.photograph(swift / "whole")
    with whole.open("car", shared=line) as car:
        car.push()
        needed = line.bucket.up
    assert needed > 20 * MIB
    with world.open("car", shared=lambda bucket: line(FaultyBucket(bucket, k, persistent=True))) as car:
        with pytest.raises(OSError, match="Input/output"):
            car.push()
        first = line.bucket.up
    with world.open("car", shared=line) as car:
        car.push()
        assert first + line.bucket.up <= needed + WORKERS * 1.2 * MIB
    with world.open_place() as place:
        assert place
        sound.check_open(place)


@pytest.mark.parametrize("size", [6 * MIB, pytest.param(60 * MIB, marks=pytest.mark.soak)])
def test_a_slow_line_is_kept_busy(size: int, world: World) -> None:
    line = Line(LATENCY, BANDWIDTH)
    count = size // 60_000
    with world.open("car", shared=line) as car:
        car.log("d", {f"{number % 10}/{number}": noise(60_000, f"{number}") for number in range(count)})
        car.place.fetch()
        started = time.monotonic()
        done = car.push()
        assert time.monotonic() - started <= 1.15 * done.stored / BANDWIDTH + 2
    with world.open("laptop", shared=line) as laptop:
        _ = laptop.place
        started = time.monotonic()
        laptop.pull()
        assert time.monotonic() - started <= 1.15 * done.stored / BANDWIDTH + 2


@pytest.mark.parametrize("chunks", [100_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_a_small_version_of_a_place_with_many_chunks(chunks: int, world: World) -> None:
    line = Line()
    with world.open("car") as car:
        car.log("d", {"a": noise(5000, "a")})
        car.push()
        foreign = digest_of(b"a pack of others")
        rows = sorted(Row(noise(32, f"{number}"), foreign, 16 + number * 8, 8, 8, 0) for number in range(chunks))
        file = build_index(rows)
        world.shared.add(index_key(file.name), file.buffers)
        made = facts.make(Draft("index", {"add": [file.name], "remove": []}), "others", "elsewhere")
        car.place.commit(lambda: [made])
    with world.open("laptop", shared=line) as laptop:
        assert laptop.pull().chunks == 2
        assert line.bucket.down < 2e6


@pytest.mark.parametrize(
    ("count", "object_store"),
    [
        (2_000, False),
        *(
            pytest.param(*way, marks=pytest.mark.soak)
            for way in (
                (10_000, False),
                (10_900, True),
            )
        ),
    ],
)
def test_a_catalogue_of_many_versions(count: int, object_store: bool, world: World) -> None:
    """Each was logged by a command of its own, so each is a log entry; none has a page that another has. In the object
    store each of the newest has a pack of its own, too, and many entries are in no segment yet.

    How long the line takes is reckoned, so that what else goes on in the machine is not.
    """
    line = Line(object_store=object_store)
    with world.open("car") as car:
        fill(car.place, count, names=count // 10, apart=1000 if object_store else 0)
    with world.open("laptop", shared=line) as laptop:
        laptop.fetch()
        far = line.bucket
        assert far.rounds * LATENCY + far.down / BANDWIDTH < 2.5
        assert sum(1 for _ in laptop.repository.catalog.versions(states=(LIVE,))) == count


def test_many_pushes_leave_few_indexes(world: World) -> None:
    """Eight of a size are merged by who pushes next, wherever the indexes are."""
    with world.open("car", shared=Line()) as car:
        for number in range(30):
            car.log("d", {"a": noise(300, f"{number}")})
            car.push()
        assert len(car.place.catalog.indexes()) <= 2 * 7
        assert len(car.place.catalog.former_indexes()) >= 3 * 8


def fill(place: Place, count: int, names: int, apart: int = 0) -> None:
    """Let the place have so many versions of some names, each with one small file; the last ones in packs `apart`."""
    with place.store.writer() as writer:
        roots, live = [], set[str]()
        for number in range(count):
            data = b"%d" % number
            roots.append(manifest.build(writer, [Entry(b"small", FILE, len(data), digest_of(data), data)]))
            if number >= count - apart - 1:
                flushed = writer.flush()
                live = (live | {*flushed.add}) - {*flushed.remove}
    made = [facts.make(Draft("index", {"add": sorted(live), "remove": []}), "others", "elsewhere")]
    place.fetch()
    n, digest = place.follower.head
    for number, root in enumerate(roots):
        said = version_data(
            f"name{number % names}", page=root.page.hex(), digest=root.content.hex(), entries=1, size=root.size
        )
        made.append(facts.make(Draft("version", said), "others", "elsewhere"))
        entry = place.log.append(n + 1, digest, made)
        assert entry is not None
        n, digest, made = entry.n, entry.digest, []


@pytest.fixture
def served(swift: Path) -> Iterator[Proxy]:
    """A line to `art serve` before the empty place `nas`."""
    (swift / "nas").mkdir()
    server = Server(swift, swift / "nas", "--auth", "none", "--i-know")
    try:
        with Proxy(server.address[1]) as line:
            yield line
    finally:
        server.stop()


def machine(swift: Path, name: str, url: str) -> Art:
    (swift / name).mkdir()
    art = Art(swift / name)
    assert art("init").code == art("remote", "add", "nas", url).code == 0
    return art


@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_small_files_over_http(count: int, served: Proxy, swift: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted on the wire, with all heads and whatever is asked besides."""
    car, laptop = machine(swift, "car", served.url), machine(swift, "laptop", served.url)
    trees.plant(car.directory / "data", small_files(count))
    assert car("log-artifact", "d", "data").code == 0
    served.forget()
    stored = car("push", "--json").json_lines[-1]["stored"]
    assert len(served.requests) <= SOME_DOZENS, served.requests
    assert served.bytes_up <= 1.02 * stored + METADATA * count
    assert served.bytes_down <= METADATA * count  # the index that it made: the next push looks into it
    served.forget()
    assert laptop("pull").code == 0
    assert len(served.requests) <= SOME_DOZENS, served.requests
    assert served.bytes_up + served.bytes_down <= 1.02 * stored + 2 * METADATA * count
    served.forget()
    assert laptop("fetch").code == 0
    assert len(served.requests) == 1, served.requests
    served.forget()
    monkeypatch.setenv("ART_CACHE_DIR", str(swift / "cache"))
    assert len(laptop("-C", served.url, "ls", "d:v0", "-R").lines) == count
    assert len(served.requests) <= LEVELS, served.requests
    served.forget()
    assert laptop("-C", served.url, "get", "d", "copy").code == 0
    assert len(served.requests) <= SOME_DOZENS, served.requests


@pytest.mark.parametrize("size", [4 * MIB, pytest.param(60 * MIB, marks=pytest.mark.soak)])
def test_a_slow_line_to_a_server(size: int, served: Proxy, swift: Path) -> None:
    car, laptop = machine(swift, "car", served.url), machine(swift, "laptop", served.url)
    trees.plant(car.directory / "data", {f"{number}": noise(60_000, f"{number}") for number in range(size // 60_000)})
    assert car("log-artifact", "d", "data").code == 0
    served.latency = LATENCY
    served.buckets = {up: Tokens(BANDWIDTH) for up in (True, False)}
    for art, command in ((car, "push"), (laptop, "pull")):
        started = time.monotonic()
        done = art(command, "--json")
        assert time.monotonic() - started <= 1.15 * done.json_lines[-1]["stored"] / BANDWIDTH + 2
