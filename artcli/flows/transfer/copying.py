"""Chunks from one store into another: first the pages, which tell what is lacking, then the chunks of files.

    plan        walk the pages that the target lacks and copy them; remember which chunks it lacks     → the price
    carry out   read these chunks as they are stored, range by range, and add them to packs over there

What is remembered lies in a temporary file once it is more than a few MB: memory is bounded whatever is to be copied.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from artcli.catalog.manifest import walk_batches
from artcli.content import DIGEST_SIZE, Buffer, Digest
from artcli.flows.transfer.cargo import Needed
from artcli.progress import Progress
from artcli.store.store import Store
from artcli.store.writer import Writer

BATCH = 16 * 1024
"""Chunks that are looked up, and read, together."""
TEXTS = 256
"""Texts that are: what runs said comes in chunks of up to 1 MiB."""
IN_MEMORY = 8 << 20
"""Bytes of digests that wait in memory."""
MOST_MET = 512 * 1024
"""Chunks that are remembered lest they be counted twice, at 100 bytes each."""


class Price(NamedTuple):
    """What would travel."""

    chunks: int
    """Pages and texts among them."""
    stored: int
    """Their bytes, as stored."""


class Copying:
    """One copying, of what `needed` names, from `source` into `writer`."""

    def __init__(
        self,
        source: Store,
        lacking: Callable[[Sequence[Digest]], Collection[Digest]],
        writer: Writer | None,
        progress: Progress,
        *,
        workers: int,
        files: bool = True,
        through: bool = False,
    ) -> None:
        """`lacking`: which of some chunks the target has not. Without a writer nothing is copied, only counted.

        `files`: chunks of files are copied, not only pages and texts. `through`: a page that the target has does not
        stand for all below it.
        """
        self._source = source
        self._target_lacks = lacking
        self._writer = writer
        self._progress = progress
        self._workers = workers
        self._files = files
        self._through = through
        self._met: set[Digest] = set()
        self._waiting = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 closed by `close`
        self._chunks = self._stored = 0
        self.copied = 0
        """Chunks, pages and texts that the target did not have."""

    def __enter__(self) -> Copying:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what was remembered."""
        self._waiting.close()

    def plan(self, needed: Needed) -> Price:
        """Copy pages and texts; returns what all comes to. Raises `IntegrityError` for what the source has not."""
        for texts in _batches(dict.fromkeys(needed.texts), TEXTS):
            for digest, text in self._read(self._lacking(texts)):
                self._put(digest, text)
        for reached in walk_batches(self._read_pages, dict.fromkeys(needed.roots), self._wanted_pages):
            chunks = (digest for one in reached for digest, _ in one.chunks) if self._files else ()
            for batch in _batches(chunks, BATCH):
                self._remember(self._lacking(self._fresh(batch)))
        return Price(self._chunks, self._stored)

    def carry_out(self) -> None:
        """Copy the chunks of files. Raises `IntegrityError` for what the source has not."""
        assert self._writer is not None
        self._waiting.seek(0)
        while data := self._waiting.read(BATCH * DIGEST_SIZE):
            batch = [data[at : at + DIGEST_SIZE] for at in range(0, len(data), DIGEST_SIZE)]
            for frame in self._source.frames(self._not_written(batch), workers=self._workers):
                if self._writer.add(frame):
                    self.copied += 1
                self._progress.advance(size=frame.stored)

    def _read(self, digests: Sequence[Digest]) -> Iterator[tuple[Digest, Buffer]]:
        self._source.prepare(digests)
        return self._source.read(digests, workers=self._workers)

    def _read_pages(self, digests: Sequence[Digest]) -> dict[Digest, Buffer]:
        pages = dict(self._read(digests))
        for digest, page in pages.items():
            self._put(digest, page)
        return pages

    def _put(self, digest: Digest, page: Buffer) -> None:
        """Copy a page or a text, unless it is there."""
        if self._writer is not None:
            if digest in self._writer:
                return
            self._writer.put(page)
            self.copied += 1
        self._count(digest)

    def _wanted_pages(self, digests: Sequence[Digest]) -> Collection[Digest]:
        # also those that the writer was given before: what lies below them may have gone from the target meanwhile
        return digests if self._through else self._target_lacks(digests)

    def _lacking(self, digests: Sequence[Digest]) -> list[Digest]:
        fresh = self._not_written(digests)
        lacking = self._target_lacks(fresh)
        return [digest for digest in fresh if digest in lacking]

    def _not_written(self, digests: Sequence[Digest]) -> list[Digest]:
        writer = self._writer
        unique = dict.fromkeys(digests)
        return [digest for digest in unique if writer is None or not writer.was_given(digest)]

    def _fresh(self, digests: Iterable[Digest]) -> list[Digest]:
        """Those that were not met before, as far as that is remembered."""
        met = self._met
        if len(met) > MOST_MET:
            met.clear()
        fresh = [digest for digest in dict.fromkeys(digests) if digest not in met]
        met.update(fresh)
        return fresh

    def _remember(self, chunks: Sequence[Digest]) -> None:
        self._source.prepare(chunks)
        for digest in chunks:
            self._count(digest)
        self._waiting.write(b"".join(chunks))

    def _count(self, digest: Digest) -> None:
        location = self._source.find(digest)
        self._chunks += 1
        self._stored += location.stored if location else 0


def _batches(digests: Iterable[Digest], size: int) -> Iterator[list[Digest]]:
    rest = iter(digests)
    while batch := list(islice(rest, size)):
        yield batch
