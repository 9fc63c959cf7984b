"""A large index of which only what is needed is read.

Its fan-out and its list of packs are read once. Then chunks are looked up in two rounds, the digests that begin as
those that are looked for and the locations of those that are there, many at once and together with other indexes. It
was never compared with its name: its parts are checked against each other, and nothing that it says is believed
further than any index is, which can name a wrong place and never wrong bytes.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from itertools import islice, pairwise
from operator import le
from struct import unpack_from

from artcli.buckets.bucket import Bucket, Piece, get_many, is_batched
from artcli.content import DIGEST_SIZE, Buffer, Digest
from artcli.errors import IntegrityError
from artcli.store.index import LOCATION, Shape, damaged, index_key, row_of
from artcli.store.pack import Location

ASKED = 256
"""Bytes that one more piece costs where many are asked for at once, gaps that are read for nothing included;"""
ASKED_ALONE = 64 * 1024
"""and where each is a request: what a line of 10 MB/s and 50 ms carries while eight threads wait for one."""

AT_ONCE = 16 * 1024 * 1024
"""Bytes of digests in a round: there are more rounds for who looks for more."""
REMEMBERED = 64 * 1024
"""Chunks whose places are kept in memory: four windows."""
CROWD = 256
"""A beginning that so many digests more than four times the average share was forged: digests are spread evenly."""

Asking = Generator[list[Piece], list[bytes | None], None]
"""Yields what it wants to read, is sent the bytes, and so on."""


class PartialIndex:
    """A large index, read where it is needed. Any thread may use it."""

    def __init__(self, name: str, shape: Shape, fan_out: Buffer, names: Buffer, bucket: Bucket) -> None:
        """Raises IntegrityError `damaged-index` if these parts do not fit each other."""
        self.name = name
        self.shape = shape
        self._counts: tuple[int, ...] = unpack_from(f"<{(1 << shape.bits) + 1}I", fan_out)
        self._check_counts()
        self.packs, self.kinds = shape.split_names(name, names)
        """Digests of the packs whose chunks this index lists, and the kind of each."""
        self._bucket = bucket
        self._key = index_key(name)
        self._piece = ASKED if is_batched(bucket) else ASKED_ALONE
        self._known: dict[Digest, Location | None] = {}
        self.read = 0
        """What look-ups have cost, in bytes."""

    def _check_counts(self) -> None:
        counts, rows = self._counts, self.shape.rows
        most = 4 * (rows >> self.shape.bits) + CROWD
        if counts[0] or counts[-1] != rows or not all(map(le, counts, counts[1:])):
            raise damaged(self.name, "its fan-out is out of order")
        if any(high - low > most for low, high in pairwise(counts)):
            raise damaged(self.name, "too many of its digests begin alike")

    def __len__(self) -> int:
        return self.shape.rows

    def find(self, digest: Digest) -> Location | None:
        """Where the chunk lies; asks for it alone if nobody has looked for it before."""
        known = self._known
        if digest not in known:
            known = {}
            for error in in_step(self._bucket, {self.name: self.look_for([digest], known)}).values():
                raise error
        return known[digest]

    def unknown(self, digests: Iterable[Digest]) -> list[Digest]:
        """Those of `digests` that would have to be asked for, sorted."""
        known = self._known
        return sorted({digest for digest in digests if digest not in known})

    def cost(self, digests: Sequence[Digest]) -> int:
        """Bytes that it takes, nearly, to look for these."""
        slots = {self._slot(digest) for digest in digests}
        return sum(high - low for low, high in slots) * DIGEST_SIZE + len(digests) * (self._piece + LOCATION.size)

    def _slot(self, digest: Digest) -> tuple[int, int]:
        prefix = (digest[0] << 8 | digest[1]) >> (16 - self.shape.bits)
        return self._counts[prefix], self._counts[prefix + 1]

    def look_for(self, digests: Sequence[Digest], into: dict[Digest, Location | None] | None = None) -> Asking:
        """Find out where these, which are sorted, lie, so that `find` knows; and put it `into` that."""
        for part in self._parts(digests):
            self.read += self.cost(part)
            positions = yield from self._positions(part)
            places = yield from self._places(sorted(positions.values()))
            found = {digest: places[positions[digest]] if digest in positions else None for digest in part}
            if into is not None:
                into.update(found)
            self._remember(found)

    def _remember(self, found: Mapping[Digest, Location | None]) -> None:
        if len(self._known) > REMEMBERED:
            # replaced, not changed: another thread may be reading it
            self._known = dict(islice(self._known.copy().items(), REMEMBERED // 2, None))
        self._known.update(found)

    def _parts(self, digests: Sequence[Digest]) -> Iterable[list[Digest]]:
        """So many at a time as one round may ask for."""
        part: list[Digest] = []
        size = 0
        for digest in digests:
            low, high = self._slot(digest)
            if part and size + (high - low) * DIGEST_SIZE > AT_ONCE:
                yield part
                part, size = [], 0
            part.append(digest)
            size += (high - low) * DIGEST_SIZE
        yield part

    def _positions(self, digests: Sequence[Digest]) -> Generator[list[Piece], list[bytes | None], dict[Digest, int]]:
        """The numbers of the rows of those that are there."""
        slots = {digest: slot for digest in digests if (slot := self._slot(digest))[0] < slot[1]}
        blocks = yield from self._rows(self.shape.digests, DIGEST_SIZE, sorted(set(slots.values())))
        found = {}
        for digest, (low, high) in slots.items():
            row = row_of(digest, blocks[low, high])
            if row >= 0:
                found[digest] = low + row
        return found

    def _places(self, rows: Sequence[int]) -> Generator[list[Piece], list[bytes | None], dict[int, Location]]:
        """The locations of these rows."""
        wanted = [(row, row + 1) for row in rows]
        blocks = yield from self._rows(self.shape.locations, LOCATION.size, wanted)
        found = {}
        for row, end in wanted:
            number, *place = LOCATION.unpack(blocks[row, end])
            if number >= len(self.packs):
                raise damaged(self.name, "it names a pack that it does not list")
            found[row] = Location(self.packs[number], *place)
        return found

    def _rows(
        self, start: int, width: int, wanted: Sequence[tuple[int, int]]
    ) -> Generator[list[Piece], list[bytes | None], dict[tuple[int, int], bytes]]:
        """The bytes of these ranges of rows, sorted, in a column from byte `start`, `width` bytes a row."""
        runs: list[list[tuple[int, int]]] = []
        for part in wanted:
            if runs and (part[0] - runs[-1][-1][1]) * width <= self._piece:
                runs[-1].append(part)
            else:
                runs.append([part])
        if not runs:
            return {}
        pieces = [Piece(self._key, start + width * run[0][0], width * (run[-1][1] - run[0][0])) for run in runs]
        answers = yield pieces
        return {
            (low, high): data[width * (low - run[0][0]) : width * (high - run[0][0])]
            for run, data in zip(runs, checked(self.name, pieces, answers), strict=True)
            for low, high in run
        }


def in_step(bucket: Bucket, askings: Mapping[str, Asking]) -> dict[str, IntegrityError]:
    """Let all ask, and answer them, together: as many rounds as the longest takes.

    Returns the errors of those that failed.
    """
    failed: dict[str, IntegrityError] = {}
    waiting = {name: pieces for name, asking in askings.items() if (pieces := next(asking, None)) is not None}
    while waiting:
        answers = iter(get_many(bucket, [piece for pieces in waiting.values() for piece in pieces]))
        still = {}
        for name, pieces in waiting.items():
            try:
                still[name] = askings[name].send(list(islice(answers, len(pieces))))
            except StopIteration:
                pass  # it has all that it wanted
            except IntegrityError as error:
                failed[name] = error
        waiting = still
    return failed


def checked(name: str, pieces: Sequence[Piece], answers: Sequence[bytes | None]) -> list[bytes]:
    """The answers, if each is as long as was asked for; raises IntegrityError `missing-index`, `damaged-index`."""
    found = []
    for piece, answer in zip(pieces, answers, strict=True):
        if answer is None:
            raise IntegrityError("missing-index", f"an index is not there: {name}")
        if len(answer) != piece.length:
            raise damaged(name, "it ends too early")
        found.append(answer)
    return found
