"""A version made from another one without its bytes: take paths out, move them, take paths over from any version.

Only manifest pages are read and written, so a car that holds nothing but the catalogue can log `dataset:latest` plus
forty images. Each step is a sorted stream of edits to the manifest of the step before.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from artcli.catalog import manifest, resolve
from artcli.catalog.catalog import Catalog
from artcli.catalog.manifest import DIRECTORY, Entry, Finder, Pages, PageSource, Root
from artcli.errors import NotFoundError, UsageError

Edit = tuple[bytes, Entry | None]


class Taken(NamedTuple):
    """Paths that come from another version."""

    ref: str
    """`REF` or `REF/PATH`: a file, or a folder with all below it."""
    dest: bytes | None
    """Where it goes; None keeps a file's base name, and puts a folder's contents at the top."""


class Changes(NamedTuple):
    """What to do to a manifest, in this order."""

    remove: Sequence[bytes] = ()
    """Globs of paths; what is below a folder that matches goes with it."""
    move: Sequence[tuple[bytes, bytes]] = ()
    """(old, new) names of files or folders."""
    take: Sequence[Taken] = ()


NONE = Changes()


def base(catalog: Catalog, ref: str | None, project: str, pages: Pages) -> Root:
    """The manifest of the version `ref`; an empty one for None."""
    return manifest.build(pages, ()) if ref is None else resolve.version(catalog, ref, project).version.root


def base_id(catalog: Catalog, ref: str, project: str) -> str:
    """The fact id of the version `ref`."""
    return resolve.version(catalog, ref, project).version.id


def revise(pages: Pages, catalog: Catalog, root: Root, changes: Changes, project: str) -> Root:
    """The manifest that results from `changes` to `root`.

    Raises `NotFoundError` (`no-such-path`) for a glob, a move or a taken path that matches nothing.
    """
    if changes.remove:
        root = manifest.apply(pages, root, _removals(pages, root, changes.remove))
    for old, new in changes.move:
        root = _move(pages, root, old, new)
    for taken in changes.take:
        paths = (path for path, _ in _taken(pages, catalog, taken, project))
        root = add(pages, root, paths, _taken(pages, catalog, taken, project))
    return root


def add(pages: Pages, root: Root, paths: Iterable[bytes], edits: Iterable[Edit]) -> Root:
    """The manifest with `edits`, which are sorted; `paths` are theirs, told beforehand.

    An empty folder of `root` in which something is to lie is one no longer, and one of the edits is none if something
    lies there in `root`.
    """
    root = _make_way(pages, root, paths)
    return manifest.apply(pages, root, (edit for edit in edits if not _is_filled(pages, root, edit[1])))


def _make_way(pages: Pages, root: Root, paths: Iterable[bytes]) -> Root:
    finder = Finder(pages, root)
    filled: set[bytes] = set()
    last = b""
    for path in paths:
        folder = path.rpartition(b"/")[0]
        if folder == last:
            continue
        last = folder
        while folder and folder not in filled:
            entry = finder.find(folder)
            if entry is not None and entry.kind == DIRECTORY:
                filled.add(folder)
            folder = folder.rpartition(b"/")[0]
    return manifest.apply(pages, root, ((folder, None) for folder in sorted(filled))) if filled else root


def _is_filled(pages: PageSource, root: Root, entry: Entry | None) -> bool:
    if entry is None or entry.kind != DIRECTORY:
        return False
    return next(manifest.entries(pages, root, entry.path + b"/"), None) is not None


def _removals(pages: PageSource, root: Root, globs: Sequence[bytes]) -> Iterator[Edit]:
    unmatched = {glob: re.compile(_below(glob)) for glob in globs}
    patterns = list(unmatched.items())
    for entry in manifest.entries(pages, root):
        for glob, pattern in patterns:
            if pattern.fullmatch(entry.path):
                unmatched.pop(glob, None)
                yield entry.path, None
                break
    if unmatched:
        raise NotFoundError("no-such-path", f"nothing in the base matches {_text(next(iter(unmatched)))!r}")


def _below(glob: bytes) -> bytes:
    """A pattern for the paths that a glob names, and for all below them."""
    pattern = fnmatch.translate(glob.strip(b"/").decode("latin-1")).encode("latin-1")
    # without what stands for the end: \Z, since Python 3.14 \z
    return b"(?s:" + pattern[:-2] + b"(/.*)?)"


def _move(pages: Pages, root: Root, old: bytes, new: bytes) -> Root:
    old, new = old.strip(b"/"), new.strip(b"/")
    if new == old or new.startswith(old + b"/"):
        raise UsageError("bad-move", f"{_text(old)!r} cannot move to {_text(new)!r}")
    if next(_under(pages, root, old), None) is None:
        raise NotFoundError("no-such-path", f"nothing in the base is called {_text(old)!r}")
    without = manifest.apply(pages, root, ((entry.path, None) for entry in _under(pages, root, old)))
    paths = (new + entry.path[len(old) :] for entry in _under(pages, root, old))
    moved = (_renamed(entry, new + entry.path[len(old) :]) for entry in _under(pages, root, old))
    return add(pages, without, paths, moved)


def _taken(pages: PageSource, catalog: Catalog, taken: Taken, project: str) -> Iterator[Edit]:
    found = resolve.version(catalog, taken.ref, project)
    path = found.path or b""
    root = found.version.root
    empty = True
    for entry in _under(pages, root, path) if path else manifest.entries(pages, root):
        rest = entry.path[len(path) :].lstrip(b"/")
        dest = taken.dest.strip(b"/") if taken.dest is not None else None
        empty = False
        if rest:
            yield _renamed(entry, dest + b"/" + rest if dest else rest)
        else:
            yield _renamed(entry, dest or entry.path.rpartition(b"/")[2])
    if empty:
        raise NotFoundError("no-such-path", f"nothing in {found.version.ref} is called {_text(path)!r}")


def _under(pages: PageSource, root: Root, path: bytes) -> Iterator[Entry]:
    """The file `path`, or the entries below the folder `path`."""
    entry = manifest.find(pages, root, path)
    if entry is not None:
        yield entry
        return
    yield from manifest.entries(pages, root, path + b"/")


def _renamed(entry: Entry, path: bytes) -> Edit:
    return path, entry._replace(path=path)


def _text(path: bytes) -> str:
    return manifest.shown(path)
