from __future__ import annotations

import errno
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from artcli.buckets.bucket import Bucket
from artcli.buckets.disk import DiskBucket
from artcli.buckets.memory import MemoryBucket
from artcli.content import Buffer, Digest, digest_of
from artcli.errors import IntegrityError, SpaceError
from artcli.store import pack
from artcli.store import writer as writer_module
from artcli.store.codec import Tuner
from artcli.store.pack import DATA, METADATA, read_table
from artcli.store.store import Store
from artcli.store.writer import Flushed, Manner, Writer
from artcli.threads import ahead
from tests.kit.faulty import FaultyBucket, StaleBucket
from tests.store.material import keep, noise, raw_frame, table


@pytest.fixture
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "TARGET", 1000)


def keys(bucket: Bucket, prefix: str) -> list[str]:
    return [item.key for item in bucket.list(prefix)]


def test_nothing_new_writes_nothing() -> None:
    bucket = MemoryBucket()
    with Store(bucket, []).writer() as writer:
        assert writer.flush() == Flushed([], [], [], 0, 0)
    with Store(bucket, []).writer() as writer:
        keep(writer, b"chunk" * 100)
        live = writer.flush().add
    before = keys(bucket, "")
    with Store(bucket, live).writer() as writer:
        keep(writer, b"chunk" * 100)
        assert writer.flush() == Flushed([], [], [], 0, 0)
    assert keys(bucket, "") == before


def test_flushed_says_what_was_written() -> None:
    bucket = MemoryBucket()
    with Store(bucket, []).writer() as writer:
        keep(writer, noise(1000))
        keep(writer, table(1000))
        writer.put(b"a page" * 500)
        flushed = writer.flush()
    assert flushed.raw == 1000 + len(table(1000)) + 3000
    assert 1000 < flushed.stored < 0.6 * flushed.raw
    assert [f"index/{name}" for name in flushed.add] == keys(bucket, "index/")
    assert sorted(f"packs/{name[:2]}/{name}" for name in flushed.packs) == keys(bucket, "packs/")
    assert flushed.remove == []


AWAY = Manner(reread=False, merges=False, publishers=3, prefix=b"the same for all")


class Counted(MemoryBucket):
    """Remembers what was sent, and what was read whole."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.read: list[str] = []

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        self.sent.append(key)
        return super().add(key, data)

    def get(self, key: str, start: int = 0, length: int | None = None) -> bytes:
        if length != 1:
            self.read.append(key)
        return super().get(key, start, length)


def test_who_begins_again_elsewhere_sends_no_pack_twice_and_reads_none_back(small_packs: None) -> None:
    bucket = Counted()
    chunks = [noise(400, str(seed)) for seed in range(40)]
    with Store(bucket, []).writer(AWAY) as writer:
        for chunk in chunks[:20]:
            keep(writer, chunk)
    packs = {key for key in bucket.sent if key.startswith("packs/")}
    assert len(packs) >= 3
    bucket.sent.clear()
    with Store(bucket, []).writer(AWAY) as writer:
        for chunk in chunks:
            keep(writer, chunk)
        flushed = writer.flush()
    assert packs.isdisjoint(bucket.sent)
    assert bucket.read == []
    store = Store(bucket, flushed.add)
    assert [store.get(digest_of(chunk)) for chunk in chunks] == chunks


def test_live_indexes_elsewhere_are_not_merged_on_the_way() -> None:
    bucket = MemoryBucket()
    live: list[str] = []
    for seed in range(10):
        with Store(bucket, live).writer(AWAY) as writer:
            keep(writer, noise(400, str(seed)))
            flushed = writer.flush()
        assert (len(flushed.add), flushed.remove) == (1, [])
        live += flushed.add


def test_pages_and_data_lie_apart_and_the_index_knows() -> None:
    bucket = MemoryBucket()
    with Store(bucket, []).writer() as writer:
        data, page = keep(writer, noise(1000)), writer.put(b"a page" * 500)
        store = Store(bucket, writer.flush().add)
    (index,) = store.indexes
    kinds = dict(zip(index.packs, index.kinds, strict=True))
    places = {digest: store.find(digest) for digest in (data, page)}
    assert {digest: kinds[place.pack] for digest, place in places.items() if place} == {data: DATA, page: METADATA}
    assert {read_table(bucket, name).kind for name in index.packs} == {DATA, METADATA}


def test_a_chunk_is_kept_once() -> None:
    bucket = MemoryBucket()
    with Store(bucket, []).writer() as writer:
        frame = writer.encode(digest_of(b"chunk"), b"chunk", Tuner())
        again = writer.encode(digest_of(b"chunk"), b"chunk", Tuner())
        assert frame is not None
        assert again is not None
        assert writer.add(frame)
        assert not writer.add(again)
        assert writer.encode(digest_of(b"chunk"), b"chunk", Tuner()) is None
        assert writer.put(b"chunk") == digest_of(b"chunk")
        assert writer.flush().raw == 5
        assert writer.encode(digest_of(b"chunk"), b"chunk", Tuner()) is None
        assert not writer.add(frame)
        assert writer.flush().raw == 0


def test_a_page_can_be_had_before_and_after_the_flush(small_packs: None) -> None:
    bucket = MemoryBucket()
    with Store(bucket, []).writer() as old:
        before = old.put(b"old page")
        live = old.flush().add
    with Store(bucket, live).writer() as writer:
        pages = [b"page %d " % i * 50 for i in range(50)] + [noise(700, str(i)) for i in range(20)]
        digests = [writer.put(page) for page in pages]
        assert [writer.get(digest) for digest in digests] == pages
        assert writer.get(before) == b"old page"
        writer.flush()
        assert [writer.get(digest) for digest in digests] == pages
        with pytest.raises(IntegrityError):
            writer.get(bytes(32))


def test_a_page_too_long_is_refused() -> None:
    with Store(MemoryBucket(), []).writer() as writer, pytest.raises(ValueError, match="1048577"):
        writer.put(bytes(2**20 + 1))


def test_a_buffer_may_be_reused_after_encode() -> None:
    bucket = MemoryBucket()
    buffer = bytearray(2000)
    digests = []
    with Store(bucket, []).writer() as writer:
        for i in range(30):
            buffer[:] = noise(2000, str(i))
            digests.append(keep(writer, memoryview(buffer)[10:]))
        store = Store(bucket, writer.flush().add)
    assert [store.get(digest) for digest in digests] == [noise(2000, str(i))[10:] for i in range(30)]


def test_what_is_abandoned_is_in_no_index(small_packs: None) -> None:
    bucket = MemoryBucket()
    threads = threading.active_count()
    with Store(bucket, []).writer() as writer:
        for i in range(20):
            keep(writer, noise(500, str(i)))
    assert keys(bucket, "index/") == []
    assert threading.active_count() == threads
    assert writer.flush() == Flushed([], [], [], 0, 0)


def test_a_spilled_index_of_an_abandoned_writer_does_not_count(
    monkeypatch: pytest.MonkeyPatch, small_packs: None
) -> None:
    monkeypatch.setattr(writer_module, "SPILL", 5)
    bucket = MemoryBucket()
    writer = Store(bucket, []).writer()
    for i in range(20):
        keep(writer, noise(500, str(i)))
    writer.abandon()
    assert keys(bucket, "index/")
    keep(writer, noise(500, "0"))
    live = writer.flush().add
    assert Store(bucket, live).get(digest_of(noise(500, "0"))) == noise(500, "0")


def test_threads_encode_one_adds(tmp_path: Path) -> None:
    bucket = DiskBucket(tmp_path / "store", create=True)
    chunks = [noise(3000, str(i % 300)) for i in range(600)]
    with Store(bucket, []).writer() as writer:
        for frame in ahead(lambda chunk: writer.encode(digest_of(chunk), chunk, Tuner()), chunks, workers=3):
            if frame is not None:
                writer.add(frame)
        flushed = writer.flush()
    assert flushed.raw == 300 * 3000
    store = Store(bucket, flushed.add)
    assert {digest for digest, _ in store.read(map(digest_of, chunks), workers=2)} == set(map(digest_of, chunks))


def test_packs_are_cut_at_their_target_and_written_meanwhile() -> None:
    bucket = MemoryBucket()
    with Store(bucket, []).writer() as writer:
        for i in range(40):
            keep(writer, noise(1_000_000, str(i)))
        flushed = writer.flush()
    sizes = [item.size for item in bucket.list("packs/")]
    assert len(sizes) == len(flushed.packs) == 3
    assert max(sizes) < 17_900_000


class Gate:
    """A bucket whose `add` waits until told."""

    def __init__(self, inner: Bucket) -> None:
        self.inner = inner
        self.open = threading.Event()
        self.get, self.view, self.list, self.delete = inner.get, inner.view, inner.list, inner.delete

    def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
        self.open.wait(10)
        return self.inner.add(key, data)


def test_at_most_three_packs_are_in_memory(small_packs: None) -> None:
    gate = Gate(MemoryBucket())
    added = 0

    def fill(writer: Writer) -> None:
        nonlocal added
        for i in range(10):
            writer.add(raw_frame(noise(1000, str(i))))
            added += 1

    with Store(gate, []).writer() as writer:
        thread = threading.Thread(target=fill, args=(writer,))
        thread.start()
        thread.join(0.3)
        held, waits = added, thread.is_alive()
        gate.open.set()
        thread.join()
        writer.flush()
    assert waits
    assert held <= 2


# --- spilling and merging ---


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch, small_packs: None) -> None:
    monkeypatch.setattr(writer_module, "SPILL", 50)
    bucket = MemoryBucket()
    chunks = [noise(100, str(i)) for i in range(333)]
    with Store(bucket, []).writer() as writer:
        for chunk in chunks:
            keep(writer, chunk)
            assert len(writer._known) <= 50 + 4 * 10
        assert len(keys(bucket, "index/")) >= 5
        for chunk in chunks:
            assert not writer.add(raw_frame(chunk))
            assert writer.get(digest_of(chunk)) == chunk
        flushed = writer.flush()
    assert flushed.raw == 33_300
    assert set(flushed.add) <= {key.rpartition("/")[2] for key in keys(bucket, "index/")}
    assert flushed.remove == []
    store = Store(bucket, flushed.add)
    assert [store.get(digest_of(chunk)) for chunk in chunks] == chunks
    assert sum(map(len, store.indexes)) == 333


def test_small_indexes_merge_by_eight() -> None:
    bucket = MemoryBucket()
    live: list[str] = []
    sizes = []
    for i in range(70):
        with Store(bucket, live).writer() as writer:
            keep(writer, noise(300, str(i)))
            flushed = writer.flush()
        assert set(flushed.remove) <= set(live)
        live = [name for name in live if name not in flushed.remove] + flushed.add
        sizes.append(len(live))
    assert max(sizes) <= 14
    store = Store(bucket, live)
    assert sorted(map(len, store.indexes), reverse=True) == [64, 1, 1, 1, 1, 1, 1]
    assert all(store.get(digest_of(noise(300, str(i)))) for i in range(70))


def test_one_writer_flushed_often_merges_too() -> None:
    bucket = MemoryBucket()
    live: list[str] = []
    with Store(bucket, []).writer() as writer:
        for i in range(20):
            keep(writer, noise(300, str(i)))
            flushed = writer.flush()
            assert set(flushed.remove) <= set(live)
            live = [name for name in live if name not in flushed.remove] + flushed.add
            assert len(live) <= 8
    store = Store(bucket, live)
    assert all(store.get(digest_of(noise(300, str(i)))) for i in range(20))


def test_a_damaged_index_is_not_merged_and_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = MemoryBucket()
    live = []
    for i in range(7):
        with Store(bucket, []).writer() as writer:
            keep(writer, noise(300, str(i)))
            live += writer.flush().add
    store = Store(bucket, live)
    assert len(store.indexes) == 7  # opened while sound
    monkeypatch.setattr(store.indexes[0], "verify", lambda: (_ for _ in ()).throw(IntegrityError("damaged-index", "")))
    with store.writer() as writer:
        keep(writer, b"new" * 100)
        flushed = writer.flush()
    assert flushed.remove == []
    assert Store(bucket, flushed.add).get(digest_of(b"new" * 100)) == b"new" * 100


# --- faults ---


def test_a_pack_that_reads_back_different_is_not_published() -> None:
    class Flipping(MemoryBucket):
        def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
            whole = bytearray(b"".join(data))
            whole[len(whole) // 2] ^= 1
            return super().add(key, whole)

    bucket = Flipping()
    with Store(bucket, []).writer() as writer:
        keep(writer, noise(1000))
        with pytest.raises(IntegrityError) as caught:
            writer.flush()
    assert caught.value.slug == "damaged-write"
    assert keys(bucket, "index/") == []


def test_a_full_disk_is_told_and_nothing_is_live(small_packs: None) -> None:
    class Full(MemoryBucket):
        def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
            raise SpaceError("disk-full", "no room")

    bucket = Full()
    with Store(bucket, []).writer() as writer:
        frames = [raw_frame(noise(1000, str(i))) for i in range(10)]
        with pytest.raises(SpaceError):
            list(map(writer.add, frames))
        with pytest.raises(SpaceError):
            writer.flush()
    assert keys(bucket, "") == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_each_operation_failing_once_leaves_no_lie(small_packs: None, when: str) -> None:
    """After a failure nothing is live; the same work again succeeds."""
    chunks = [noise(400, str(i)) for i in range(12)]
    for k in count(1):
        inner = MemoryBucket()
        faulty = FaultyBucket(inner, k, when)  # type: ignore[arg-type]
        live: list[str] = []
        with suppress(OSError), Store(faulty, []).writer() as writer:
            for chunk in chunks:
                keep(writer, chunk)
            writer.put(b"page" * 100)
            live = writer.flush().add
        assert bool(live) != faulty.fired
        with Store(inner, live).writer() as writer:
            for chunk in chunks:
                keep(writer, chunk)
            live += writer.flush().add
        store = Store(inner, live)
        assert [store.get(digest_of(chunk)) for chunk in chunks] == chunks
        if not faulty.fired:
            assert k > 10
            break


def test_a_flush_may_be_tried_again_when_its_index_failed() -> None:
    class Once(MemoryBucket):
        failed = False

        def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
            if key.startswith("index/") and not self.failed:
                self.failed = True
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().add(key, data)

    bucket = Once()
    with Store(bucket, []).writer() as writer:
        digest = keep(writer, noise(1000))
        with pytest.raises(OSError, match="error"):
            writer.flush()
        flushed = writer.flush()
    assert Store(bucket, flushed.add).get(digest) == noise(1000)


def test_a_place_that_is_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "PATIENCE", (0.0, 0.0))
    bucket = StaleBucket(MemoryBucket())
    with Store(bucket, []).writer() as writer:
        digest = keep(writer, noise(1000))
        flushed = writer.flush()
    assert Store(bucket, flushed.add).get(digest) == noise(1000)


def test_data_comes_before_metadata_before_the_index(tmp_path: Path) -> None:
    order: list[str] = []

    class Noting(MemoryBucket):
        def add(self, key: str, data: Buffer | Sequence[Buffer]) -> bool:
            order.append(key)
            return super().add(key, data)

    bucket = Noting()
    with Store(bucket, []).writer() as writer:
        writer.put(b"page" * 100)
        keep(writer, noise(1000))
        writer.flush()
    kinds = [read_table(bucket, bytes.fromhex(key[-64:])).kind for key in order[:2]]
    assert kinds == [DATA, METADATA]
    assert order[2].startswith("index/")
    assert len(order) == 3


def test_a_small_addition_is_three_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = DiskBucket(tmp_path / "store", create=True)
    with Store(bucket, []).writer() as writer:
        keep(writer, noise(1000, "first"))
        live = writer.flush().add
    added: list[str] = []
    original = bucket.add
    monkeypatch.setattr(bucket, "add", lambda key, data: (added.append(key), original(key, data))[1])
    with Store(bucket, live).writer() as writer:
        keep(writer, noise(1000))
        writer.put(b"page" * 100)
        writer.flush()
    assert len(added) == 3


class StoreMachine(RuleBasedStateMachine):
    """A store against a dict: chunks and pages added by writers that flush or are abandoned, read back at any time."""

    @initialize()
    def begin(self) -> None:
        self.bucket = MemoryBucket()
        self.live: list[str] = []
        self.kept: dict[Digest, bytes] = {}
        self.open()

    def open(self) -> None:
        self.writer = Store(self.bucket, self.live).writer()
        self.pending: dict[Digest, bytes] = {}

    @rule(n=st.integers(0, 200), size=st.integers(0, 3000), page=st.booleans())
    def add(self, n: int, size: int, page: bool) -> None:
        chunk = (noise if n % 2 else lambda size, seed: (seed * size).encode()[:size])(size, str(n))
        self.pending[self.writer.put(chunk) if page else keep(self.writer, chunk)] = chunk

    @rule(reopen=st.booleans())
    def flush(self, reopen: bool) -> None:
        flushed = self.writer.flush()
        assert set(flushed.remove) <= set(self.live)
        self.live = [name for name in self.live if name not in flushed.remove] + flushed.add
        self.kept |= self.pending
        self.pending = {}
        if reopen:
            self.open()

    @rule()
    def abandon(self) -> None:
        self.writer.abandon()
        self.open()

    @rule()
    def look(self) -> None:
        store = Store(self.bucket, self.live)
        assert {digest: bytes(plain) for digest, plain in store.read(self.kept, workers=2)} == self.kept
        for digest, chunk in (self.kept | self.pending).items():
            assert self.writer.get(digest) == chunk
        assert store.missing([bytes(32), *self.kept]) == {bytes(32)}

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            self.writer.abandon()


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
