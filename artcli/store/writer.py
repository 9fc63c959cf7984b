"""Additions of one command to a store. Nothing is promised until `flush` has returned.

    encode (any thread)   unknown chunk → frame
    add    (one thread)   frame → the pack being filled; a full pack goes to a thread that publishes it:
                          write it, read it back, compare its digest
    flush  (one thread)   last packs, then the index of all of them; the log entry that names it is the caller's

What is new is remembered in memory up to `SPILL` chunks, then in an index file that the log does not name yet. A crash
leaves packs and indexes that nobody names; gc takes them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import chain
from operator import itemgetter
from types import TracebackType
from typing import NamedTuple, TypeVar

from blake3 import blake3

from artcli.buckets.bucket import Cached, Missing
from artcli.content import Buffer, Digest, digest_of
from artcli.errors import IntegrityError
from artcli.store.codec import MAX_LENGTH, Encoded, Encoder, Tuner, decode
from artcli.store.index import Index, IndexFile, build_index, index_key, merge_indexes, merge_plan
from artcli.store.lookup import Lookup
from artcli.store.pack import DATA, METADATA, TARGET, Frame, PackBuilder, Row, Table, pack_key
from artcli.store.store import Store, fetch
from artcli.threads import Background

SPILL = 128 * 1024
"""New chunks remembered in memory, at about 200 bytes each."""

READ_BACK = 1024 * 1024

PATIENCE = (0.05, 0.5, 2.0)
"""Seconds to wait for what was just added and is not there: some network file systems are late."""

R = TypeVar("R")


class Flushed(NamedTuple):
    """What the log must say before the additions exist."""

    add: list[str]
    """Names of indexes to make live."""
    remove: list[str]
    """Names of live indexes whose rows are in the new ones."""
    packs: list[str]
    """Names of the packs written, in hex."""
    stored: int
    """Bytes of the new chunks as stored."""
    raw: int
    """Bytes of the new chunks."""


class Manner(NamedTuple):
    """How additions are made: as they are on this machine's own disk, unless said otherwise."""

    planes: bool = True
    """Chunks may be kept as byte planes."""
    reread: bool = True
    """Packs are read back before anything names them. A server compares what it got with its name by itself."""
    merges: bool = True
    """Live indexes are merged on the way."""
    publishers: int = 1
    """Threads that write packs: over a network each waits for its answer."""
    prefix: bytes | None = None
    """The first bytes of every pack, instead of random ones: who begins again makes the same packs, and those that are
    there already need not travel again."""


OWN = Manner()


class _Addition:
    """A pack, from its first frame on: its builder until it is published, then its table, which is smaller."""

    def __init__(self, builder: PackBuilder) -> None:
        self.contents: PackBuilder | Table = builder


class Writer:
    """Makes frames of chunks and packs of frames. `with store.writer() as writer:` abandons what was not flushed."""

    def __init__(self, store: Store, manner: Manner = OWN) -> None:
        self._store = store
        self._manner = manner
        self._bucket = store.bucket
        self._encoders = threading.local()
        self._own = Lookup()  # indexes this writer has written
        self._absorbed: set[str] = set()
        # one pack is filled, one waits, one is written: three in memory, more if several are written at once
        self._background = Background(depth=1, workers=manner.publishers)
        self._spare: deque[memoryview] = deque()  # their buffers
        self._begin()

    def _begin(self) -> None:
        self._known: dict[Digest, _Addition] = {}
        self._filling: dict[int, tuple[PackBuilder, _Addition]] = {}
        self._published: deque[Table] = deque()  # in packs, but in no index yet
        self._unnamed: list[str] = []  # indexes of its own that no flush has returned yet
        self._packs: list[str] = []
        self._stored = self._raw = 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()

    def __contains__(self, digest: Digest) -> bool:
        """Whether the store or this writer has the chunk."""
        return self._has(digest) or digest in self._store

    def was_given(self, digest: Digest) -> bool:
        """Whether the chunk was added here, flushed or not."""
        return self._has(digest)

    def _has(self, digest: Digest) -> bool:
        return digest in self._known or self._own.find(digest) is not None

    @property
    def forks(self) -> bool:
        """Whether a process that is forked may call `encode`."""
        return self._store.forks

    def encode(self, digest: Digest, chunk: Buffer, tuner: Tuner, offset: int = 0) -> Frame | None:
        """The frame to `add`, or None if the store or this writer has the chunk already. From any thread.

        `digest` is the chunk's, `tuner` and `offset` its file's and its place there. The chunk may be overwritten once
        its frame was added. Raises IntegrityError `memory-fault`.
        """
        if digest in self:
            return None
        return _frame(digest, len(chunk), self._encoder().encode(chunk, tuner, offset))

    def _encoder(self) -> Encoder:
        found: Encoder | None = getattr(self._encoders, "encoder", None)
        if found is None:
            found = self._encoders.encoder = Encoder(self._manner.planes)
        return found

    def add(self, frame: Frame) -> bool:
        """Put the frame into a data pack; False if its chunk was added meanwhile. From one thread, in any order.

        Raises what went wrong when an earlier pack was published.
        """
        return self._add(frame, DATA)

    def _add(self, frame: Frame, kind: int) -> bool:
        if self._has(frame.digest):
            return False
        builder, addition = self._filling.get(kind) or self._begin_pack(kind)
        builder.add(frame)
        self._known[frame.digest] = addition
        self._stored += frame.stored
        self._raw += frame.length
        if builder.full:
            self._seal(kind)
            if len(self._known) >= SPILL:
                self._spill()
        return True

    def _begin_pack(self, kind: int) -> tuple[PackBuilder, _Addition]:
        builder = PackBuilder(kind, self._spare.pop() if self._spare else None, self._manner.prefix)
        self._filling[kind] = filling = (builder, _Addition(builder))
        return filling

    def put(self, page: Buffer) -> Digest:
        """Keep a page or a long text (up to `codec.MAX_LENGTH` bytes) in a metadata pack; returns its digest."""
        digest = digest_of(page)
        if len(page) > MAX_LENGTH:
            raise ValueError(f"a page of {len(page)} bytes")
        if digest not in self:
            self._add(_frame(digest, len(page), self._encoder().compress(page)), METADATA)
        return digest

    def get(self, digest: Digest) -> bytes:
        """A chunk of the store, or one that this writer was given; raises as `Store.get` does."""
        addition = self._known.get(digest)
        if addition is not None:
            contents = addition.contents
            if isinstance(contents, PackBuilder):
                return bytes(decode(*contents.find(digest)))
            return bytes(fetch(self._bucket, digest, contents.find(digest)))
        location = self._own.find(digest)
        if location is not None:
            return bytes(fetch(self._bucket, digest, location))
        return self._store.get(digest)

    def flush(self) -> Flushed:
        """Everything durable: waits for the packs, writes their index. Then the log may name what is returned.

        Live indexes are absorbed when eight of a size have come together. Nothing new: nothing is written. More may
        be added afterwards, to be flushed again.
        """
        self._seal(DATA)
        self._seal(METADATA)
        self._background.finish()
        flushed = Flushed([], [], self._packs, self._stored, self._raw)
        if self._published or self._unnamed:
            self._write_indexes(flushed)
        self._begin()
        return flushed

    def abandon(self) -> None:
        """Drop what was not flushed; packs already written are left to gc."""
        self._background.abandon()
        self._own.remove(self._unnamed)
        self._begin()

    # --- packs ---

    def _seal(self, kind: int) -> None:
        filling = self._filling.pop(kind, None)
        if filling is not None:
            self._background.submit(lambda: self._publish(*filling))

    def _publish(self, builder: PackBuilder, addition: _Addition) -> None:
        buffers, table = builder.finish()
        key = pack_key(table.pack)
        if self._manner.prefix is None or not self._is_there(key):
            self._bucket.add(key, buffers)
        if self._manner.reread and _patiently(lambda: self._digest_of(key)) != table.pack:
            raise IntegrityError(
                "damaged-write",
                f"a pack just written reads back different, the disk or the memory may be faulty: {table.pack.hex()}",
            )
        if table.stored >= TARGET and isinstance(self._bucket, Cached):
            self._bucket.release(key)  # the next full pack takes its memory: half the system time of writing 2 GB
        addition.contents = table
        self._spare.append(builder.buffer)
        self._packs.append(table.pack.hex())
        self._published.append(table)

    def _is_there(self, key: str) -> bool:
        """Whether a try that was cut off has brought the pack there."""
        try:
            return bool(self._bucket.get(key, 0, 1))
        except Missing:
            return False

    def _digest_of(self, key: str) -> Digest:
        hasher = blake3()
        start = 0
        while part := self._bucket.get(key, start, READ_BACK):
            hasher.update(part)
            start += len(part)
        return hasher.digest()

    # --- indexes ---

    def _spill(self) -> None:
        """Move what is published from memory into an index file.

        Threads in `encode` may take a known chunk for a new one meanwhile; `add`, called from this thread, does not.
        """
        tables = [self._published[i] for i in range(len(self._published))]  # more may come meanwhile
        if not tables:
            return
        self._keep(build_index(chain.from_iterable(table.rows() for table in tables)))
        spilled = {table.pack for table in tables}
        for _ in tables:
            self._published.popleft()
        self._known = {
            digest: addition
            for digest, addition in self._known.items()
            if isinstance(addition.contents, PackBuilder) or addition.contents.pack not in spilled
        }

    def _keep(self, file: IndexFile) -> None:
        self._bucket.add(index_key(file.name), file.buffers)
        index = _patiently(lambda: Index.open(self._bucket, file.name)) if self._manner.reread else _indexed(file)
        index.verify()
        self._own.add(index)
        self._unnamed.append(file.name)

    def _write_indexes(self, flushed: Flushed) -> None:
        """Write the index of what is published, merged with others where eight of a size have come together."""
        live = self._store.indexes if self._manner.merges else []
        others = [index for index in (*live, *self._own.whole) if index.name not in self._absorbed]
        fresh = sorted(chain.from_iterable(table.rows() for table in self._published), key=itemgetter(0))
        counts = [len(index) for index in others]
        if fresh:
            counts.append(len(fresh))
        for group in merge_plan(counts):
            merged = [others[position] for position in group if position < len(others)]
            taken = fresh if len(others) in group else []
            if not self._merge(merged, taken):
                continue
            flushed.remove.extend(index.name for index in merged if index.name not in self._unnamed)
            self._absorbed.update(index.name for index in merged)
            if taken:
                fresh = []
        if fresh:
            self._keep(build_index(fresh))
        flushed.add.extend(name for name in self._unnamed if name not in self._absorbed)
        self._own.remove(self._absorbed)

    def _merge(self, indexes: list[Index], fresh: list[Row]) -> bool:
        """Write one index of the rows of all; False if one of them is damaged, which is fsck's business."""
        try:
            for index in indexes:
                index.verify()
            file = merge_indexes([*(index.rows() for index in indexes), fresh])
        except IntegrityError:
            return False
        self._keep(file)
        return True


def _frame(digest: Digest, length: int, made: Encoded) -> Frame:
    return Frame(digest, made.codec, length, sum(map(len, made.parts)), made.parts, made.place)


def _indexed(file: IndexFile) -> Index:
    """The index without reading it back."""
    return Index(file.name, memoryview(b"".join(file.buffers)))


def _patiently(read: Callable[[], R]) -> R:
    for delay in PATIENCE:
        try:
            return read()
        except (Missing, IntegrityError) as error:
            if isinstance(error, IntegrityError) and error.slug != "missing-index":
                raise
        time.sleep(delay)
    return read()
