"""Whether all that a log entry names is here: what git calls connectivity.

What holds before and after every entry: *a page that a live index lists is whole*, with its pages, lists and chunks. So
an entry is judged by what it adds: each new page of the indexes that it makes live must find what it names, and each
version, segment or text must find its root. Nothing counts that lies in a condemned pack or in one that is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set

from artcli.buckets.bucket import Bucket, Missing
from artcli.buckets.disk import DiskBucket
from artcli.catalog import texts
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Fact
from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.manifest.chunks import MAGIC as LIST_MAGIC
from artcli.catalog.manifest.chunks import ListPage, decode_list
from artcli.catalog.manifest.entry import EXECUTABLE, INLINE, Root, chunk_rows
from artcli.catalog.manifest.page import MAGIC as PAGE_MAGIC
from artcli.catalog.manifest.page import Leaf, decode_page
from artcli.catalog.manifest.reach import walk_pages
from artcli.catalog.manifest.read import open_root
from artcli.catalog.runs.fold import named
from artcli.catalog.runs.register import Register
from artcli.content import Digest
from artcli.errors import IntegrityError
from artcli.store.index import Index
from artcli.store.lookup import Lookup
from artcli.store.pack import METADATA, pack_key
from artcli.store.store import fetch
from artcli.web.answers import Refused
from artcli.web.rights import Made


class Shelf:
    """The chunks that some indexes name, as far as they may be counted on."""

    def __init__(self, bucket: Bucket, indexes: Iterable[Index], condemned: Set[Digest]) -> None:
        self._bucket = bucket
        self._lookup = Lookup(indexes)
        self._condemned = condemned
        self._there: dict[Digest, bool] = {}

    def __contains__(self, digest: Digest) -> bool:
        return any(self.stands(location.pack) for location in self._lookup.places(digest))

    def stands(self, pack: Digest) -> bool:
        """Whether the pack is there, and not condemned."""
        if pack not in self._there:
            self._there[pack] = pack not in self._condemned and self._is_there(pack)
        return self._there[pack]

    def _is_there(self, pack: Digest) -> bool:
        try:
            if isinstance(self._bucket, DiskBucket):
                return self._bucket.size(pack_key(pack)) > 0  # not `get`: it may have the file open since gc deleted it
            return bool(self._bucket.get(pack_key(pack), 0, 1))
        except Missing:
            return False

    def get(self, digest: Digest) -> bytes:
        """The chunk, verified; raises `IntegrityError`."""
        failure = IntegrityError("missing-chunk", f"no live index knows chunk {digest.hex()}")
        for location in self._lookup.places(digest):
            try:
                return bytes(fetch(self._bucket, digest, location))
            except IntegrityError as error:
                failure = error
        raise failure


class Judgement:
    """Judges one entry. Every check raises `Refused` (422)."""

    def __init__(self, before: Shelf, after: Shelf) -> None:
        """`before`: what counted before the entry; `after`: what does with it."""
        self._before = before
        self._after = after
        self._walked: set[Digest] = set()

    def check_packs(self, added: Sequence[Index]) -> None:
        """The packs of new indexes are there, and none of them is condemned."""
        for index in added:
            for pack in index.packs:
                if not self._after.stands(pack):
                    raise _lacking(f"index {index.name} names pack {pack.hex()}, which is gone or condemned")

    def check_roots(self, catalog: Catalog, made: Iterable[Made]) -> None:
        """What the facts name is there, with all that is below it."""
        register = Register(catalog.database)
        for one in made:
            if not one.applied:
                continue
            try:
                for root in _roots(catalog, register, one.fact):
                    self._check_root(root)
            except IntegrityError as error:
                raise _lacking(f"of {one.fact.kind} {one.fact.id}: {error.message}") from error
            for chunk in _chunks(catalog, register, one.fact):
                self._need(chunk, f"{one.fact.kind} {one.fact.id}")

    def _check_root(self, root: Root | Digest) -> None:
        if isinstance(root, Root):
            open_root(self._after, root)
        page = root.page if isinstance(root, Root) else root
        for reached in walk_pages(self._after, page, self._is_known):
            self._need(reached.page, "a manifest")
            for chunk, _ in reached.chunks:
                self._need(chunk, f"page {reached.page.hex()}")

    def _is_known(self, page: Digest) -> bool:
        known = page in self._walked or page in self._before
        self._walked.add(page)
        return known

    def check_pages(self, added: Iterable[Index]) -> None:
        """Whatever else is a page in new indexes is whole, too: later entries will count on it."""
        for index in added:
            for row in index.rows():
                if row.kind != METADATA or row.digest in self._walked or row.digest in self._before:
                    continue
                self._walked.add(row.digest)
                for chunk in _named(self._read(row.digest)):
                    self._need(chunk, f"page {row.digest.hex()}")

    def check_removed(self, removed: Iterable[Index]) -> None:
        """All chunks of indexes that are no longer live are in others: they were merged, nothing is lost."""
        for index in removed:
            for row in index.rows():
                if row.digest not in self._after and row.digest in self._before:
                    raise Refused(
                        403,
                        "scope-too-small",
                        f"index {index.name} is removed with chunks of its own: that needs admin",
                    )

    def _read(self, digest: Digest) -> bytes:
        try:
            return self._after.get(digest)
        except IntegrityError as error:
            raise _lacking(error.message) from error

    def _need(self, chunk: Digest, by: str) -> None:
        if chunk not in self._after:
            raise _lacking(f"chunk {chunk.hex()}, which {by} names, is in no live index, or its pack is condemned")


def _lacking(detail: str) -> Refused:
    return Refused(422, "not-connected", detail, hint="push again: what is missing is sent anew")


def _roots(catalog: Catalog, register: Register, fact: Fact) -> Iterator[Root | Digest]:
    """The root pages that must be there for the fact to be true."""
    if fact.kind == "version":
        version = catalog.version(fact.id)
        if version is not None and version.state in (LIVE, TRASH):
            yield version.root
    elif fact.kind == "segment" and _is_kept(register, fact) and fact.data.get("page"):
        yield bytes.fromhex(fact.data["page"])


def _chunks(catalog: Catalog, register: Register, fact: Fact) -> Iterator[Digest]:
    """The chunks that must be there beside."""
    if fact.kind == "segment" and _is_kept(register, fact):
        for chunk in (*fact.data["records"], *fact.data.get("console", ())):
            yield bytes.fromhex(chunk)
    run = named(fact.data)
    for text in texts.said(fact.data):
        if catalog.has_text(text) or (run and register.has_text(run, text)):
            yield text


def _is_kept(register: Register, fact: Fact) -> bool:
    run = register.run(fact.data["run"])
    return run is None or run.state in (LIVE, TRASH)


def _named(data: bytes) -> Iterator[Digest]:
    """What a page names, if these bytes are one."""
    try:
        if data[:4] == LIST_MAGIC:
            listed = decode_list(data)
        elif data[:4] == PAGE_MAGIC:
            page = decode_page(data)
        else:
            return
    except IntegrityError:
        return  # a text that begins as a page does
    if data[:4] == LIST_MAGIC:
        yield from _named_by_list(listed)
    elif not isinstance(page, Leaf):
        yield from (row.page for row in page.items)
    else:
        for entry in page.items:
            if entry.list:
                yield entry.list
            elif entry.chunks:
                yield from (chunk for chunk, _ in chunk_rows(entry.chunks))
            elif entry.kind <= EXECUTABLE and entry.size > INLINE:
                yield entry.digest


def _named_by_list(page: ListPage) -> Iterator[Digest]:
    yield from (chunk for chunk, _ in page.chunks)
    yield from (row.page for row in page.rows)
