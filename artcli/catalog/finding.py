"""Finding files by their content, in whatever version has them.

Versions share most of their pages. A page is looked at once, in the newest version that has it, so that many versions
cost little more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from artcli.catalog.catalog import Catalog, Version
from artcli.catalog.manifest import Entry, PageSource, Root
from artcli.catalog.manifest.page import Inner, Leaf
from artcli.catalog.manifest.read import open_child, open_root
from artcli.content import Digest


class Found(NamedTuple):
    version: Version
    entry: Entry


def find_file(catalog: Catalog, pages: PageSource, wanted: Callable[[Entry], bool]) -> Found | None:
    """The newest live version with an entry that is `wanted`, and the entry."""
    seen: set[Digest] = set()
    versions = sorted(catalog.versions(), key=lambda version: version.time, reverse=True)
    for version in versions:
        for leaf in _leaves(pages, version.root, seen):
            for entry in leaf.items:
                if wanted(entry):
                    return Found(version, entry)
    return None


def _leaves(pages: PageSource, root: Root, seen: set[Digest]) -> Iterator[Leaf]:
    """The leaves of a manifest that were not seen before."""
    if root.page not in seen:
        seen.add(root.page)
        yield from _below(pages, open_root(pages, root), b"", seen)


def _below(pages: PageSource, page: Leaf | Inner, floor: bytes, seen: set[Digest]) -> Iterator[Leaf]:
    if isinstance(page, Leaf):
        yield page
        return
    for row in page.items:
        if row.page not in seen:
            seen.add(row.page)
            yield from _below(pages, open_child(pages, row, page.level, floor), floor, seen)
        floor = row.last
