"""Pages in memory above a store: for a manifest that is needed now and is nobody's version."""

from __future__ import annotations

from artcli.catalog.manifest import PageSource
from artcli.content import Buffer, Digest, digest_of


class Overlay:
    """Keeps what is put, and reads the rest from the pages below."""

    def __init__(self, below: PageSource) -> None:
        self._below = below
        self._pages: dict[Digest, bytes] = {}

    def get(self, digest: Digest, /) -> bytes:
        page = self._pages.get(digest)
        return self._below.get(digest) if page is None else page

    def put(self, page: Buffer, /) -> Digest:
        digest = digest_of(page)
        self._pages[digest] = bytes(page)
        return digest

    def is_only_here(self, digest: Digest) -> bool:
        """The page was put here, and is in memory alone."""
        return digest in self._pages or (isinstance(self._below, Overlay) and self._below.is_only_here(digest))
