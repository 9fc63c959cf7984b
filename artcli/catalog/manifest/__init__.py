"""Manifests: what paths a version holds and which bytes each of them has, as trees of pages.

`entry` says what may be in one, `page` and `chunks` are its bytes, `layers` says where pages end.
"""

from __future__ import annotations

from artcli.catalog.manifest.build import build
from artcli.catalog.manifest.chunks import chunk_list, put_chunk_list
from artcli.catalog.manifest.diff import diff
from artcli.catalog.manifest.edit import apply
from artcli.catalog.manifest.entry import (
    DIRECTORY,
    EXECUTABLE,
    FILE,
    INLINE,
    REFERENCE,
    SIZE_LIMIT,
    SYMLINK,
    Entry,
    Pages,
    PageSource,
    Root,
    path_fault,
    shown,
)
from artcli.catalog.manifest.reach import Reached, walk_batches, walk_pages
from artcli.catalog.manifest.read import Finder, entries, find, leaves, load_root

__all__ = [
    "DIRECTORY",
    "EXECUTABLE",
    "FILE",
    "INLINE",
    "REFERENCE",
    "SIZE_LIMIT",
    "SYMLINK",
    "Entry",
    "Finder",
    "PageSource",
    "Pages",
    "Reached",
    "Root",
    "apply",
    "build",
    "chunk_list",
    "diff",
    "entries",
    "find",
    "leaves",
    "load_root",
    "path_fault",
    "put_chunk_list",
    "shown",
    "walk_batches",
    "walk_pages",
]
