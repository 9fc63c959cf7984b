"""The manifest that the stat cache says a directory equalled."""

from __future__ import annotations

from artcli.catalog import manifest
from artcli.catalog.catalog import Catalog
from artcli.catalog.manifest import PageSource, Root
from artcli.errors import ArtError


def known_root(catalog: Catalog, pages: PageSource, page: bytes) -> Root | None:
    """The manifest whose root page this is, if a version keeps it: only then is all below it sure to be here."""
    if not catalog.keeps_page(page.hex()):
        return None
    try:
        return manifest.load_root(pages, page)
    except ArtError:
        return None  # damaged, or in a place that cannot be reached: every file is looked at again
