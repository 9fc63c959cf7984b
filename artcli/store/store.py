"""The store: chunks of a place, found by digest through the live indexes, and verified whenever they are read.

A chunk may lie in several packs, and one of them may be damaged or gone: every copy is tried before a read fails. An
index that is missing or damaged hides its chunks but harms no others; `Store.damaged` says which those are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from artcli.buckets.bucket import Bucket, Missing, Piece, get_many, may_fork
from artcli.content import Buffer, Digest, digest_of
from artcli.errors import IntegrityError
from artcli.store.afar import Afar
from artcli.store.codec import RAW, decode
from artcli.store.index import Index
from artcli.store.lookup import Lookup
from artcli.store.pack import Frame, Location, is_possible, pack_key
from artcli.store.ranges import WINDOW, Range, pools, ranges
from artcli.threads import ahead

if TYPE_CHECKING:
    from artcli.store.writer import Manner, Writer

RARELY = 20
"""Times as long as it takes to ask for the live indexes, until they are asked for again."""


class Store:
    """Chunks of the place that `bucket` is. Any thread may use it."""

    def __init__(
        self,
        bucket: Bucket,
        live: Iterable[str],
        renewed: Callable[[], Iterable[str]] | None = None,
        *,
        remote: Path | None = None,
        condemned: Set[Digest] = frozenset(),
    ) -> None:
        """`live`: names of the live indexes, as the log says. They are opened when the first chunk is asked for.

        `renewed` tells the names again, to any thread: it is asked where a chunk is gone, for gc may have moved it.
        `remote`: the place is far away, and this is the folder for what is kept here of its indexes (see `afar`).
        `condemned`: packs that may be read and on which nobody may count any more.
        """
        self.bucket = bucket
        self._afar = Afar(bucket, remote) if remote is not None else None
        self._condemned = condemned
        self._names = list(dict.fromkeys(live))
        self._renewed = renewed
        self._renew_after = 0.0
        self._lock = threading.Lock()
        self._opened: Lookup | None = None
        self._there: dict[Digest, bool] = {}
        """Packs that were looked for."""

    @property
    def _lookup(self) -> Lookup:
        opened = self._opened
        if opened is None:
            with self._lock:
                opened = self._opened = self._opened or self._open()
        return opened

    def _open(self) -> Lookup:
        if self._afar is not None:
            indexes, damaged = self._afar.open(self._names)
            lookup = Lookup(indexes)
            lookup.damaged = damaged
            return lookup
        lookup = Lookup()
        for name in self._names:
            try:
                lookup.add(Index.open(self.bucket, name))
            except IntegrityError as error:
                lookup.damaged.append(error)
        return lookup

    @property
    def indexes(self) -> list[Index]:
        """The live indexes that are there and sound, without the large ones of a place that is far away."""
        return self._lookup.whole

    @property
    def listed(self) -> dict[str, list[Digest]]:
        """The packs that each of the live indexes names."""
        return {index.name: index.packs for index in self._lookup.indexes}

    def fetch_whole(self) -> None:
        """Have all `indexes` here, also the large ones of a place that is far away, compared with their names."""
        lookup = self._lookup
        for index in lookup.partial:
            assert self._afar is not None
            try:
                lookup.replace(self._afar.whole(index.name, index.shape.size))
            except IntegrityError as error:
                lookup.distrust(index, error)

    @property
    def damaged(self) -> list[IntegrityError]:
        """What is known to be wrong with live indexes: `missing-index` or `damaged-index`, one for each not used."""
        return list(self._lookup.damaged)

    def find(self, digest: Digest) -> Location | None:
        """Where the chunk lies, if a live index knows it."""
        return self._lookup.find(digest)

    def holds(self, digest: Digest) -> bool:
        """Whether an index of this place itself knows the chunk."""
        return self._lookup.find(digest) is not None

    def keep_to_own(self) -> None:
        """Look for nothing anywhere else from now on."""

    def prepare(self, digests: Sequence[Digest]) -> None:
        """Say that these chunks, `WINDOW` at most, will be looked up.

        In a place that is far away this takes two rounds for all, where each would take as many for itself.
        """
        if self._afar is None:
            return
        lookup = self._lookup
        partial = {index.name: index for index in lookup.partial}
        if not partial:
            return
        for name, news in self._afar.look_for(list(partial.values()), lookup.unknown(digests)).items():
            if isinstance(news, Index):
                lookup.replace(news)
            else:
                lookup.distrust(partial[name], news)

    def __contains__(self, digest: Digest) -> bool:
        """Whether a live index knows the chunk and a pack that it names is there: else it must be stored again.

        Of a place that is far away its log is believed.
        """
        return any(self._may_count_on(location.pack) for location in self._lookup.places(digest))

    def _may_count_on(self, pack: Digest) -> bool:
        return pack not in self._condemned and (self._afar is not None or self._is_there(pack))

    def _is_there(self, pack: Digest) -> bool:
        there = self._there.get(pack)
        if there is None:
            try:
                self.bucket.get(pack_key(pack), 0, 1)
                there = True
            except Missing:
                there = False
            self._there[pack] = there
        return there

    def missing(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those of `digests` that the store has not, or on which nobody may count: see `in`."""
        rest = iter(digests)
        found: set[Digest] = set()
        while window := list(islice(rest, WINDOW)):
            self.prepare(window)
            found.update(digest for digest in window if digest not in self)
        return found

    def get(self, digest: Digest) -> bytes:
        """The chunk's bytes, verified.

        Raises IntegrityError: `missing-chunk` if no live index knows it or its pack is gone, `damaged-chunk` if its
        bytes are not those it is named by, `unknown-codec`; naming chunk and pack, after every copy was tried.
        """
        while True:
            lookup = self._lookup
            failure: IntegrityError | None = None
            for location in lookup.places(digest):
                try:
                    return bytes(fetch(self.bucket, digest, location))
                except IntegrityError as error:
                    failure = failure or error
            failure = failure or self._unknown(digest)
            if failure.slug != "missing-chunk" or not self._renew(lookup):
                raise failure

    def _renew(self, lookup: Lookup) -> bool:
        """Whether other indexes are live now than those of `lookup`."""
        with self._lock:
            if self._opened is not lookup:
                return True
            started = time.monotonic()
            if self._renewed is None or started < self._renew_after:
                return False
            try:
                names = list(dict.fromkeys(self._renewed()))
            except IntegrityError:
                names = self._names  # the log is damaged: what is known of it stands
            ended = time.monotonic()
            self._renew_after = ended + RARELY * (ended - started)
            if names == self._names:
                return False
            self._names, self._opened, self._there = names, None, {}
            self._opened = self._open()
            return True

    def read(
        self,
        digests: Iterable[Digest],
        *,
        workers: int,
        failed: Callable[[Digest, IntegrityError], None] | None = None,
    ) -> Iterator[tuple[Digest, Buffer]]:
        """The verified bytes of many chunks: one pair for each of `digests`, in an order that reads packs from front to
        back, as often as a digest is given.

        Neighbours are fetched by one read, `workers` threads read and decode ahead; at most some 14 MiB a thread are
        held. A chunk that cannot be had is told to `failed`, and left out; without `failed` its error, as of `get`,
        is raised.
        """
        for results in ahead(self.fetch_ranges, self._parts(digests), workers=workers):
            for digest, result in results:
                if not isinstance(result, IntegrityError):
                    yield digest, result
                elif failed is not None:
                    failed(digest, result)
                else:
                    raise result

    @property
    def forks(self) -> bool:
        """Whether a process that is forked may read on what was found."""
        return may_fork(self.bucket)

    @property
    def asks_together(self) -> bool:
        """Whether many small questions cost less time together."""
        return self._afar is not None

    def _parts(self, digests: Iterable[Digest]) -> Iterator[list[Range]]:
        """The ranges that hold `digests`, those together that are to be fetched together."""
        parts = ranges(self.find, digests, self.prepare)
        return pools(parts) if self.asks_together else ([part] for part in parts)

    def fetch_range(self, part: Range, *, proven: bool = True) -> list[tuple[Digest, Buffer | IntegrityError]]:
        """The verified chunks of one range, or for each what is wrong with it after every copy was tried.

        Unless `proven`, they are of the right length, and whoever puts them together proves the whole.
        """
        return self.fetch_ranges([part], proven=proven)

    def fetch_ranges(
        self, parts: Sequence[Range], *, proven: bool = True
    ) -> list[tuple[Digest, Buffer | IntegrityError]]:
        """As `fetch_range`, of several in one question."""
        results: list[tuple[Digest, Buffer | IntegrityError]] = []
        for part, data in zip(parts, self._data_of(parts), strict=True):
            for digest, location in part.chunks:
                try:
                    if location is None:
                        raise self._unknown(digest)
                    start = location.offset - part.start
                    stored = data[start : start + location.stored]
                    results.append((digest, (verified if proven else decoded)(digest, location, stored)))
                except IntegrityError:
                    results.append((digest, self._elsewhere(digest)))
        return results

    def _data_of(self, parts: Sequence[Range]) -> list[memoryview]:
        """The bytes of ranges; none where the pack is gone, for each chunk is looked for elsewhere then."""
        wanted = [Piece(pack_key(part.pack), part.start, part.end - part.start) for part in parts if part.pack]
        answers = iter(get_many(self.bucket, wanted))
        return [memoryview((next(answers) if part.pack else None) or b"") for part in parts]

    def frames(self, digests: Iterable[Digest], *, workers: int) -> Iterator[Frame]:
        """Many chunks as they are stored, each verified: for another store's writer. Order and memory as of `read`.

        Raises as `get` for a chunk of which no copy is sound.
        """
        for frames in ahead(self._frames_of, self._parts(digests), workers=workers):
            yield from frames

    def _frames_of(self, parts: Sequence[Range]) -> list[Frame]:
        return [
            self._frame(digest, location, part.start, data)
            for part, data in zip(parts, self._data_of(parts), strict=True)
            for digest, location in part.chunks
        ]

    def _frame(self, digest: Digest, location: Location | None, start: int, data: memoryview) -> Frame:
        try:
            if location is None:
                raise self._unknown(digest)
            stored = data[location.offset - start : location.offset - start + location.stored]
            verified(digest, location, stored)
            return Frame(digest, location.codec, location.length, location.stored, (stored,))
        except IntegrityError:
            plain = self.get(digest)
            return Frame(digest, RAW, len(plain), len(plain), (plain,))

    def _elsewhere(self, digest: Digest) -> Buffer | IntegrityError:
        try:
            return self.get(digest)
        except IntegrityError as error:
            return error

    def _unknown(self, digest: Digest) -> IntegrityError:
        return IntegrityError(
            "missing-chunk",
            f"no live index knows chunk {digest.hex()}",
            facts=[error.message for error in self.damaged],
        )

    def writer(self, manner: Manner | None = None) -> Writer:
        """Begins additions to this store; `manner`: how they are made, as on this machine's own disk by default."""
        from artcli.store.writer import OWN, Writer

        return Writer(self, manner or OWN)


def fetch(bucket: Bucket, digest: Digest, location: Location) -> Buffer:
    """The chunk at `location`, verified; raises as `Store.get` does."""
    if not is_possible(location):
        raise _damaged(digest, location, "an index gives it an impossible place")
    try:
        stored = bucket.get(pack_key(location.pack), location.offset, location.stored)
    except Missing:
        raise IntegrityError(
            "missing-chunk", f"chunk {digest.hex()} is missing because its pack is: {location.pack.hex()}"
        ) from None
    return verified(digest, location, stored)


def verified(digest: Digest, location: Location, stored: Buffer) -> Buffer:
    """The chunk that `stored` stands for, if it is the right one; raises as `Store.get` does."""
    plain = decoded(digest, location, stored)
    if digest_of(plain) != digest:
        raise _damaged(digest, location, "its bytes are not those it is named by")
    return plain


def decoded(digest: Digest, location: Location, stored: Buffer) -> Buffer:
    """As `verified`, of the right length, but perhaps not the right bytes."""
    try:
        if len(stored) != location.stored:
            raise _damaged(digest, location, "its pack ends before it")
        return decode(location.codec, stored, location.length)
    except IntegrityError as error:
        raise IntegrityError(
            error.slug, f"{error.message}: chunk {digest.hex()} in pack {location.pack.hex()}"
        ) from error


def _damaged(digest: Digest, location: Location, why: str) -> IntegrityError:
    return IntegrityError("damaged-chunk", f"{why}: chunk {digest.hex()} in pack {location.pack.hex()}")
