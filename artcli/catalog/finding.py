"""Finding files by their content, in whatever version has them.

Versions share most of their pages. A page is looked at once, in the newest version that has it, so that many versions
cost little more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from artcli.catalog.catalog import Catalog, Version
from artcli.catalog.fold import LIVE
from artcli.catalog.manifest import Entry, PageSource, Root
from artcli.catalog.manifest.page import Inner, Leaf
from artcli.catalog.manifest.read import open_child, open_root
from artcli.content import Digest
from artcli.errors import IntegrityError


class Found(NamedTuple):
    version: Version
    entry: Entry


def find_file(
    catalog: Catalog, pages: PageSource, wanted: Callable[[Entry], bool], states: Sequence[str] = (LIVE,)
) -> Found | None:  # fmt: skip
    """The newest version in one of these states with an entry that is `wanted`, and the entry.

    Versions whose manifest is damaged are passed over; only if no other has it, their first error is raised.
    """
    seen: set[Digest] = set()
    failure: IntegrityError | None = None
    for version in sorted(catalog.versions(states=states), key=lambda version: version.time, reverse=True):
        try:
            entry = _entry(pages, version.root, wanted, seen)
        except IntegrityError as error:
            failure = failure or error
            continue
        if entry is not None:
            return Found(version, entry)
    if failure is not None:
        raise failure
    return None


def _entry(pages: PageSource, root: Root, wanted: Callable[[Entry], bool], seen: set[Digest]) -> Entry | None:
    leaves = _leaves(pages, root, seen)
    return next((entry for leaf in leaves for entry in leaf.items if wanted(entry)), None)


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
