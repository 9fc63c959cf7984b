"""The manifest that the stat cache says a directory equalled."""

from __future__ import annotations

from artcli.catalog import manifest
from artcli.catalog.manifest import PageSource, Root
from artcli.errors import IntegrityError


def known_root(pages: PageSource, page: bytes) -> Root | None:
    """The manifest whose root page this is, if its pages are still here."""
    try:
        return manifest.load_root(pages, page)
    except IntegrityError:
        return None  # gc has taken it since: every file is looked at again
