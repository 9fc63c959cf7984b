"""A copy of a version, a folder or a file of one, that `art` does not watch over: for another disk or another program.

A directory is filled by what `use` is made of, so the same promises hold: each byte verified, nothing half written,
files of the user's moved aside before anything takes their place.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from artcli.catalog import manifest, resolve
from artcli.catalog.catalog import Version
from artcli.catalog.manifest import DIRECTORY, Entry, PageSource, Root
from artcli.catalog.repository import Repository
from artcli.catalog.view import View
from artcli.errors import ConflictError, NotFoundError, UsageError
from artcli.files import clock
from artcli.files.seen import Seen, kind_of, stat_of
from artcli.files.writer import Writer
from artcli.flows import part
from artcli.flows.deliver import Delivery
from artcli.flows.elsewhere import Elsewhere, Origin
from artcli.flows.judge import judge
from artcli.flows.meant import given
from artcli.flows.overlay import Overlay
from artcli.flows.references.bring import Unbrought
from artcli.flows.references.known import Known
from artcli.flows.rescue import Rescued
from artcli.flows.sharing import Shared
from artcli.flows.target import pages_of
from artcli.flows.use import Bringing, Plan
from artcli.progress import Progress, Silent
from artcli.threads import worker_count


@dataclass(frozen=True)
class Request:
    """What to copy where."""

    ref: str
    project: str
    start: Path
    """The directory that `dest` is relative to."""
    dest: str | None = None
    """A new or empty directory; of a file, its new name, or a directory that is there. None: a name in `start`."""
    only: Sequence[str] = ()
    """Globs of paths to copy; without any, all."""
    sync: bool = False
    """Make the directory equal: replace what differs, and remove what does not belong."""
    overwrite: bool = False
    """Copy into a directory that has something in it, over files of the same names."""
    flat: bool = False
    """All files into one folder."""
    dry_run: bool = False
    workers: int | None = None


class Got(NamedTuple):
    """What came of it."""

    version: Version
    path: Path
    plan: Plan
    rescued: Rescued
    """The user's files that had to make room."""
    unbrought: Sequence[Unbrought]
    """Entries whose bytes are kept elsewhere, and could not be had."""
    shared: Shared
    """How many of the files were cloned."""
    note: str | None
    seconds: float


def get(repository: Repository, request: Request, progress: Progress | None = None) -> Got:
    """Copy what `request.ref` means.

    Raises `NotFoundError`, `ConflictError` (`destination-not-empty`), `UsageError` (`flat-names-collide`,
    `inside-repository`, `empty-path`), `IntegrityError`, `SpaceError`.
    """
    started = time.monotonic()
    with repository.reading():
        found = resolve.version(repository.catalog, request.ref, request.project)
        version, path, note = found
        pages = repository.store
        entry = manifest.find(pages, version.root, path) if path is not None else None
        if entry is not None:
            got = _get_file(repository, request, version, entry, progress or Silent())
        else:
            got = _get_folder(repository, request, version, path, progress or Silent())
    return got._replace(note=note, seconds=time.monotonic() - started)


# --- a folder ---


def _get_folder(
    repository: Repository, request: Request, version: Version, path: bytes | None, progress: Progress
) -> Got:
    name = os.path.basename(os.fsdecode(path)) if path else f"{version.name}-v{version.number}"
    directory = _absolute(request, name if request.dest is None else request.dest)
    _check_outside(repository, directory)
    if not (request.sync or request.overwrite):
        _check_empty(directory, request)
    target, pages = _target(repository, request, version, path)
    work = Bringing(
        repository, directory, pages, target, origin=Origin(version, path or b""),
        exact=request.sync, switch=request.sync, remember=not isinstance(repository, View),
        dry_run=request.dry_run, workers=request.workers, progress=progress,
    )  # fmt: skip
    plan = work.run()
    return Got(version, directory, plan, work.rescued, work.unbrought, work.shared, None, 0.0)


def _target(repository: Repository, request: Request, version: Version, path: bytes | None) -> tuple[Root, PageSource]:
    """The manifest to bring, and where its pages are."""
    there = pages_of(repository, version)
    if path is None and not request.only and not request.flat:
        return version.root, there
    entries: Iterable[Entry] = part.lifted(part.selected(there, version, request.only, path), path)
    pages = Overlay(there)
    root = manifest.build(pages, _flat(entries, request.ref) if request.flat else entries)
    if not root.entries:
        message = f"{version.ref} has nothing that matches {', '.join(request.only)}"
        raise NotFoundError("no-such-path", message, hint=f"art ls {version.ref}")
    return root, pages


def _flat(entries: Iterable[Entry], ref: str) -> list[Entry]:
    """All files under their own names, sorted; raises `UsageError` (`flat-names-collide`)."""
    files: dict[bytes, tuple[Entry, bytes]] = {}
    for entry in entries:
        if entry.kind == DIRECTORY:
            continue
        name = entry.path.rpartition(b"/")[2]
        other, path = files.setdefault(name, (entry, entry.path))
        if other[1:4] != entry[1:4]:
            raise UsageError(
                "flat-names-collide", f"two files would have one name: {manifest.shown(name)}",
                facts=[manifest.shown(path), manifest.shown(entry.path)], hint=f"art get {ref}",
            )  # fmt: skip
    return [entry._replace(path=name) for name, (entry, _) in sorted(files.items())]


# --- a file ---


def _get_file(repository: Repository, request: Request, version: Version, entry: Entry, progress: Progress) -> Got:
    if request.sync or request.only:
        raise UsageError("path-not-wanted", "--sync and --only are for folders", hint=f"art get {request.ref}")
    path = _file_path(request, os.path.basename(entry.path))
    _check_outside(repository, path)
    wanted = entry._replace(path=os.fsencode(path.name))
    rescued = Rescued(repository.path, path.parent)
    since = clock.now(path.parent)
    known = Known(repository.path)
    plan, conflict = _plan_file(repository, path, known.as_file(wanted) or wanted, request)
    shared = Shared()
    unbrought: Sequence[Unbrought] = ()
    if not request.dry_run and plan.write:
        progress.phase("writing", files=1, size=entry.size)
        if conflict:
            rescued.take(wanted.path)
        workers = request.workers or worker_count()
        origin = Origin(version, entry.path.rpartition(b"/")[0])
        writer = Writer(path.parent, since=since, rescue=rescued.take)
        with writer, Elsewhere(repository, path.parent, origin) as places:
            store = repository.store
            delivery = Delivery(store, store, writer, places, known, workers=workers, progress=progress, mtime=since)
            delivery.write([wanted])
            shared, unbrought = delivery.sharing.shared, delivery.unbrought
    return Got(version, path, plan, rescued, unbrought, shared, None, 0.0)


def _file_path(request: Request, name: bytes) -> Path:
    """Where a file goes: into a directory that is there, or that a slash at the end asks for, else to that name."""
    if request.dest is None:
        return _absolute(request, os.fsdecode(name))
    path = _absolute(request, request.dest)
    return path / os.fsdecode(name) if request.dest.endswith("/") or path.is_dir() else path


def _plan_file(repository: Repository, path: Path, wanted: Entry, request: Request) -> tuple[Plan, bool]:
    """What is to be done, and whether something of the user's has to be moved aside for it."""
    write = Plan(1, wanted.size, 0, (), (), frozenset(), ())
    try:
        stat = stat_of(os.fsencode(path))
    except FileNotFoundError:
        return write, False
    if not request.overwrite or kind_of(stat.mode) == DIRECTORY:
        raise _taken(path, request)
    judged = judge(Seen(wanted.path, kind_of(stat.mode), os.fsencode(path), stat), wanted, None, repository.store)
    if judged.alike:
        return Plan(0, 0, 1, (), (), frozenset(), ()), False
    return write if judged.held else write._replace(rescue=[wanted.path]), not judged.held


# --- where ---


def _absolute(request: Request, dest: str) -> Path:
    return Path(os.path.abspath(request.start / given(dest)))


def _check_empty(directory: Path, request: Request) -> None:
    """Raise unless `directory` is new or an empty directory."""
    try:
        with os.scandir(directory) as items:
            if next(items, None) is not None:
                raise _taken(directory, request)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise _taken(directory, request) from None


def _taken(path: Path, request: Request) -> ConflictError:
    again = f"art get {request.ref} {request.dest or os.path.relpath(path, request.start)} --overwrite"
    return ConflictError("destination-not-empty", f"there is something already: {path}", hint=again)


def _check_outside(repository: Repository, path: Path) -> None:
    """Raise `UsageError` (`inside-repository`) for a place among the repository's own files."""
    place = repository.path.resolve()
    if place in (resolved := path.resolve()).parents or place == resolved:
        raise UsageError(
            "inside-repository", f"this is where the repository keeps its own files: {path}", hint="art get REF ./copy"
        )
