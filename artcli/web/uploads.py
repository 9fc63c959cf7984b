"""Files that come from machines without art, made into versions.

A body goes to a temporary file first, so that a slow or broken sender holds no lock and leaves nothing; then what is in
it becomes entries of a draft, and the draft a version. An archive is read as what it is: bytes from a stranger. Paths
that no version may hold, devices, links that lead out of it and sparse files refuse the whole.
"""

from __future__ import annotations

import os
import posixpath
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from starlette.requests import Request

from artcli.buckets.incoming import Incoming
from artcli.catalog import manifest, resolve
from artcli.catalog.catalog import Catalog, Version
from artcli.catalog.fold import LIVE
from artcli.catalog.manifest import DIRECTORY, EXECUTABLE, FILE, SYMLINK, Entry
from artcli.catalog.runs.register import Register
from artcli.content import digest_of
from artcli.errors import NotFoundError
from artcli.flows.drafting import Drafting
from artcli.flows.log_artifact import Logged
from artcli.flows.log_artifact import Request as LogRequest
from artcli.web import paths
from artcli.web.answers import Refused
from artcli.web.app import Desk
from artcli.web.guard import Bearer

PIECE = 1024 * 1024
MOST_AT_ONCE = PIECE
"""Bytes that a header of an archive may have: names and times need no more."""
MOST_FOLDERS = 100_000
REQUEST = "art.request"
"""Metadata of a version: which request made it, so that the same request makes no second one."""
COMPRESSED = {
    "gzip": b"\x1f\x8b",
    "xz": b"\xfd7zXZ\0",
    "zstd": b"\x28\xb5\x2f\xfd",
    "bzip2": b"BZh",
    "zip": b"PK\x03\x04",
}
"""Archives that are no plain tar, by how they begin."""
_KEY = re.compile(r"[!-~]{1,200}", re.ASCII)


class Wish(NamedTuple):
    """What version is to be made."""

    project: str
    name: str
    base: str | None
    type: str | None
    aliases: list[str]
    tags: list[str]
    run: str | None
    description: str | None
    request: str | None
    """32 hex digits that name the request, if its sender named it."""


def wish(project: str, name: str, request: Request, bearer: Bearer) -> Wish:
    """What a request asks for; raises `Refused` (400)."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise Refused(400, "bad-query", "an Idempotency-Key has 1 to 200 letters, digits and signs")
    named = digest_of(f"{bearer.owner}\0{key}".encode())[:16].hex() if key else None
    return Wish(
        project, name, paths.option(request, "base"), paths.option(request, "type"), paths.options(request, "alias"),
        paths.options(request, "tag"), paths.option(request, "run"), paths.option(request, "description"), named,
    )  # fmt: skip


def made_before(catalog: Catalog, wanted: Wish) -> Version | None:
    """The version that the same request has made."""
    artifact = catalog.artifact(wanted.project, wanted.name)
    if artifact is None or wanted.request is None:
        return None
    found = catalog.database.execute(
        "SELECT version FROM facts WHERE artifact = ? AND version IS NOT NULL AND kind IN ('version', 'edit')"
        " AND instr(line, ?) ORDER BY seq LIMIT 1",
        (artifact.id, wanted.request.encode()),
    ).fetchone()
    return catalog.version(found[0]) if found else None


class Upload:
    """One version in the making. Use as a context manager: it lets go of what was not logged."""

    def __init__(self, desk: Desk, wanted: Wish, bearer: Bearer) -> None:
        """Raises `Refused`, `ArtError` (`LockedError` while gc is at work, `NotFoundError` for the base)."""
        self._wanted = wanted
        with desk.repository() as repository:
            repository.refresh()
            base = _base(repository.catalog, wanted)
            _check_run(repository.catalog, wanted)
        self._base = f"{base.project}/{base.ref}" if base else None
        self.draft = Drafting(desk.served.path, base.root if base else None, bucket=desk.served.bucket)
        self.draft.repository.actor = bearer.name if bearer.name != "-" else None
        self._folders: set[bytes] = set()

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, *_: object) -> None:
        self.draft.close()

    def add_file(self, path: bytes, body: Incoming, *, executable: bool = False) -> None:
        """A file of these bytes."""
        self._put(path, (body.read(start, PIECE) for start in range(0, body.size, PIECE)), executable)

    def add_from(self, path: bytes, file: Path, *, executable: bool) -> None:
        """A file of the bytes of a file of this server's own."""
        entry = self.draft.add_file(path, os.fsencode(file))
        if (entry.kind == EXECUTABLE) != executable:
            self.draft.put(entry._replace(kind=EXECUTABLE if executable else FILE))

    def _put(self, path: bytes, content: Iterator[Any], executable: bool) -> None:
        paths.check_path(path)
        entry = self.draft.add_stream(path, content)
        if executable:
            self.draft.put(entry._replace(kind=EXECUTABLE))

    def add_tar(self, body: Incoming) -> None:
        """What is in a tar archive; raises `Refused` (422) for one that is damaged, or not to be trusted."""
        if (how := _compressed(body)) is not None:
            raise Refused(422, "damaged-archive", f"this is compressed ({how}): send a plain tar", hint="tar -cf")
        file = cast("IO[bytes]", _Careful(body))
        try:
            with tarfile.open(fileobj=file, mode="r:", errorlevel=2, encoding="utf-8") as archive:
                # of an archive without members Python 3.10 looks for the next one before its start
                while archive.offset and (member := archive.next()) is not None:
                    self._add_member(archive, member)
                    cast("Any", archive).members = []  # else it keeps one for each file
                file.seek(archive.offset)
                if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
                    raise EOFError  # whoever made it has stopped before its end
        except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
            raise Refused(422, "damaged-archive", "this is no tar archive, or not all of it") from error
        for folder in sorted(self._folders):
            if next(self.draft.entries(folder + b"/"), None) is None:
                self.draft.put(Entry(folder, DIRECTORY, 0, digest_of(b"")))

    def _add_member(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        path = _path(member.name)
        if not path:
            return  # the archive's own top
        paths.check_path(path)
        if member.issparse() or not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
            raise Refused(422, "special-file", f"an archive may hold files, folders and links: {manifest.shown(path)}")
        if member.isdir():
            self._folders.add(path)
            if len(self._folders) > MOST_FOLDERS:
                raise Refused(413, "too-large", f"an archive may name {MOST_FOLDERS} folders")
        elif member.issym():
            self._link(path, member.linkname)
        elif member.islnk():
            self._again(path, _path(member.linkname))
        else:
            content = archive.extractfile(member)
            assert content is not None
            self._put(path, iter(lambda: content.read(PIECE), b""), bool(member.mode & 0o100))

    def _link(self, path: bytes, target: str) -> None:
        data = target.encode("utf-8", "surrogateescape")
        led = posixpath.normpath(posixpath.join(posixpath.dirname(path), data))
        if led.startswith((b"/", b"../")) or led == b".." or not data:
            raise Refused(422, "unsafe-path", f"a symbolic link leads out of the archive: {manifest.shown(path)}")
        self.draft.put(Entry(path, SYMLINK, 0, digest_of(data), data))

    def _again(self, path: bytes, target: bytes) -> None:
        """A hard link: a second name of a file that came before."""
        entry = self.draft.find(target)
        if entry is None or entry.kind > EXECUTABLE:
            raise Refused(422, "unsafe-path", f"a hard link to nothing that came before it: {manifest.shown(path)}")
        self.draft.put(entry._replace(path=path))

    def log(self) -> Logged:
        """Make the version; raises as `log_artifact`."""
        wanted = self._wanted
        return self.draft.log(
            LogRequest(
                wanted.name, wanted.project, base=self._base, type=wanted.type, aliases=wanted.aliases,
                tags=wanted.tags, run=wanted.run, description=wanted.description,
                metadata={REQUEST: wanted.request} if wanted.request else {},
            )
        )  # fmt: skip


def _base(catalog: Catalog, wanted: Wish) -> Version | None:
    if wanted.base is None:
        return None
    if wanted.base == "latest" and catalog.artifact(wanted.project, wanted.name) is None:
        return None  # the first of them: there is nothing to begin with yet
    ref = wanted.base if ":" in wanted.base else f"{wanted.name}:{wanted.base}"
    found = resolve.whole(catalog, ref, wanted.project).version
    if found.project != wanted.project:
        raise NotFoundError("no-such-artifact", f"no artifact '{found.name}' in project '{wanted.project}'")
    return found


def _check_run(catalog: Catalog, wanted: Wish) -> None:
    """Raise `Refused` (404) for a run that is not there: its line of descent would lead to nothing."""
    if wanted.run is None:
        return
    found = Register(catalog.database).run(wanted.run)
    if found is None or found.project != wanted.project or found.state != LIVE:
        said = f"no run '{wanted.run[:64]}' in project '{wanted.project}': run= is the id of one that was pushed"
        raise Refused(404, "no-such-run", said, hint="art push")


def _compressed(body: Incoming) -> str | None:
    """How an archive is compressed, which is to come as it is."""
    start = bytes(body.read(0, 8))
    return next((name for name, mark in COMPRESSED.items() if start.startswith(mark)), None)


def _path(name: str) -> bytes:
    """A member's name as a path in a version: without the `./` that tar puts before it."""
    path = name.encode("utf-8", "surrogateescape").rstrip(b"/")
    while path.startswith(b"./"):
        path = path[2:].lstrip(b"/") if path != b"./" else b""
    return b"" if path == b"." else path


class _Careful:
    """Bytes as a file for `tarfile`, which reads a header at once, however long it says to be."""

    def __init__(self, body: Incoming) -> None:
        self._body = body
        self._at = 0

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_AT_ONCE:
            raise ValueError("a header of the archive is too long")
        data = self._body.read(self._at, size)
        self._at += len(data)
        return data

    def seek(self, at: int) -> int:
        self._at = at
        return at

    def tell(self) -> int:
        return self._at
