"""A bundle is looked at, and what it has is brought into a repository."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from artcli.buckets.bundle import BundleBucket
from artcli.catalog import mirror
from artcli.catalog.following import START
from artcli.catalog.manifest import walk_batches
from artcli.catalog.place import Place
from artcli.catalog.reaching import stores_elsewhere
from artcli.catalog.remotes import Remotes
from artcli.catalog.repository import Repository, read_place
from artcli.content import Buffer, Digest
from artcli.errors import ConflictError, IntegrityError, NetworkError, NotFoundError
from artcli.flows.bundle.header import Header, damaged, mirrored, read_header
from artcli.flows.transfer import ALL, Request, Transferred, pull
from artcli.flows.transfer.cargo import everything
from artcli.progress import Progress, Silent
from artcli.store.store import Store
from artcli.threads import worker_count


class Checked(NamedTuple):
    """A bundle that is whole."""

    header: Header
    chunks: int
    size: int
    """Bytes of the file."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[BundleBucket, Header]]:
    """A bundle and what it says of itself. Raises `IntegrityError` (`damaged-bundle`), `NotFoundError`."""
    try:
        bucket = BundleBucket(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise NotFoundError("no-such-path", f"there is no such file: {path}", hint="art bundle --help") from None
    with bucket:
        yield bucket, read_header(bucket)


@contextmanager
def _as_place(bucket: BundleBucket, header: Header) -> Iterator[Place]:
    """The place that a bundle is. What is known of it is forgotten afterwards."""
    with tempfile.TemporaryDirectory(prefix="art-") as folder:
        if read_place(bucket) != header.place:
            raise damaged(bucket, "its parts do not belong together")
        place = Place(Path(folder), header.place, bucket)
        try:
            place.fetch()
            if not all(place.has(one.id) for one in header.versions):
                raise damaged(bucket, "its log does not tell of the versions that it is said to hold")
            if sum(1 for _ in mirrored(bucket, header.numbers).after(*START)) == 0:
                raise damaged(bucket, "the log that gives the numbers is not in it")
            yield place
        finally:
            place.close()


def verify(path: Path, progress: Progress | None = None) -> Checked:
    """Compare every byte of a bundle, and see that all is there that its versions need.

    What it leaves out because the other side has it is not looked for. Raises as `opened`.
    """
    told = progress or Silent()
    with opened(path) as (bucket, header):
        _check(bucket, told)
        with _explained(bucket, header), _as_place(bucket, header) as place:
            told.phase("comparing")
            count = _check_complete(place, header)
        return Checked(header, count, path.stat().st_size)


def _check_complete(place: Place, header: Header) -> int:
    """Raise `IntegrityError` (`missing-chunk`) unless all is there that is not left out; how many chunks there are."""
    store, needed = place.store, everything(place.catalog)

    def read(pages: Sequence[Digest]) -> dict[Digest, Buffer]:
        return dict(store.read(pages, workers=worker_count()))

    def wanted(pages: Sequence[Digest]) -> Collection[Digest]:
        return pages if header.is_whole else [page for page in pages if store.find(page) is not None]

    def look(digests: Iterable[Digest]) -> int:
        found = [store.find(digest) is not None for digest in digests]
        if header.is_whole and not all(found):
            raise IntegrityError("missing-chunk", "a chunk that it needs is not in it")
        return sum(found)

    count = look(needed.texts)
    for reached in walk_batches(read, dict.fromkeys(needed.roots), wanted):
        count += len(reached) + sum(look(digest for digest, _ in one.chunks) for one in reached)
    return count


def take(
    repository: Path, path: Path, request: Request = ALL, progress: Progress | None = None, *, adopt: bool = False
) -> Transferred:
    """Bring what a bundle has to the repository with the `.art` folder `repository`.

    `adopt`: it is a new one, and its versions are to have the numbers that they have where the bundle was made.
    Raises as `opened`, and `ConflictError` (`bundle-needs-more`) if it builds upon what is not here.
    """
    told = progress or Silent()
    with opened(path) as (bucket, header):
        _check(bucket, told)
        with closing(Repository(repository)) as before:
            _check_base(before, bucket, header)
        with _explained(bucket, header), _as_place(bucket, header) as place:
            if not request.dry_run:
                if adopt:
                    Remotes(repository).adopt(header.numbers)
                if Remotes(repository).authority == header.numbers:
                    _take_numbers(repository, bucket, header)
            with closing(Repository(repository)) as now:
                return pull(now, place, request, told, others=lambda: _elsewhere(repository))


def _elsewhere(repository: Path) -> Iterator[Store]:
    """What the bundle leaves out may be at a remote, where this repository knows it and has it not."""
    return stores_elsewhere(repository) if Remotes(repository).all else iter(())


def _take_numbers(repository: Path, bucket: BundleBucket, header: Header) -> None:
    """Bring the mirror of the log that gives the numbers as far as the bundle has it."""
    kept = mirror.mirror_of(repository, header.numbers)
    head = START
    for entry in kept.after(*START):
        head = head._replace(n=entry.n, digest=entry.digest)
    mirror.fetch(mirrored(bucket, header.numbers), kept, head)


def _check(bucket: BundleBucket, progress: Progress) -> None:
    progress.phase("verifying", size=sum(item.size for item in bucket.list("")))
    for _, size in bucket.check():
        progress.advance(size=size)


def _check_base(repository: Repository, bucket: BundleBucket, header: Header) -> None:
    if Remotes(repository.path).all:
        return  # what is not here may be there
    here = Store(repository.bucket, repository.catalog.indexes())
    missing = [one.ref for one in header.since if bytes.fromhex(one.page) not in here]
    if missing:
        raise _lacking(bucket, missing)


def _lacking(bucket: BundleBucket, facts: Sequence[str]) -> ConflictError:
    return ConflictError(
        "bundle-needs-more", f"the bundle builds upon what is not here: {bucket.path}", facts=facts[:10],
        hint="art help bundle-needs-more",
    )  # fmt: skip


@contextmanager
def _explained(bucket: BundleBucket, header: Header) -> Iterator[None]:
    """Errors that say what is wrong with chunks and entries say in which file that is."""
    try:
        yield
    except NetworkError as error:
        if header.is_whole or error.slug != "bytes-elsewhere":
            raise
        raise _lacking(bucket, [*(one.ref for one in header.since), *error.facts]) from error
    except IntegrityError as error:
        if error.slug == "damaged-bundle":
            raise
        if error.slug == "missing-chunk" and not header.is_whole:
            raise _lacking(bucket, [one.ref for one in header.since] or ["what a remote has"]) from error
        raise damaged(bucket, error.message) from error
