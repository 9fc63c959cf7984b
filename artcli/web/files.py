"""Files of versions, for machines without art: whole, in parts, listed, as an archive.

What is in a version may be hostile: it is never shown as a page of this server. A reference is never fetched by the
server, for it might lead to what only the server can reach.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from artcli.catalog import manifest, resolve
from artcli.catalog.catalog import Version
from artcli.catalog.manifest import DIRECTORY, EXECUTABLE, FILE, REFERENCE, SYMLINK, Entry
from artcli.flows import contents, ls, part
from artcli.flows.archive import FORMATS
from artcli.store.store import Store
from artcli.web import paths
from artcli.web.answers import Refused
from artcli.web.app import Call
from artcli.web.paths import Named
from artcli.web.portions import PORTIONS
from artcli.web.reading import Span, answer, span_of

PIECE = 4 * 1024 * 1024
"""Bytes that are read and verified at a time, at most."""
STAGES = 4
"""Batches of an archive that are in memory: two that are read ahead, one that is taken from, one that is sent."""
LINES = 200
"""Entries of a listing that are sent together."""
KINDS = {FILE: "file", EXECUTABLE: "file", SYMLINK: "link", DIRECTORY: "directory", REFERENCE: "reference"}

GUARDED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Referrer-Policy": "no-referrer",
}
"""Headers of whatever others have written."""


async def get(call: Call) -> Response:
    """GET and HEAD of a file, a folder or a version."""
    return await run_in_threadpool(_get, call)


def _get(call: Call) -> Response:
    wanted = paths.named(call.rest)
    form = paths.option(call.request, "format")
    version, store = find(call, wanted)
    headers = {**GUARDED, "X-Art-Version": f"{version.project}/{version.ref}", "Cache-Control": "no-cache"}
    if form is not None:
        return _archive(version, store, wanted.path, form, headers)
    entry = manifest.find(store, version.root, wanted.path) if wanted.path else None
    if entry is None or entry.kind == DIRECTORY:
        return _listing(call, version, store, wanted.path, headers)
    return _file(call, store, part.file(store, version, wanted.path), headers)


def find(call: Call, wanted: Named) -> tuple[Version, Store]:
    """The version, and where its bytes are; a token that is bound to another project finds nothing."""
    if call.bearer.project not in (None, wanted.project):
        raise Refused(403, "another-project", "the token is bound to another project")
    with call.desk.repository() as repository:
        repository.refresh()
        version = resolve.version(repository.catalog, wanted.ref, wanted.project).version
        if version.project != wanted.project:
            raise Refused(404, "no-such-artifact", f"no artifact '{wanted.name}' in project '{wanted.project}'")
        return version, repository.store


def _file(call: Call, store: Store, entry: Entry, headers: dict[str, str]) -> Response:
    if entry.kind == REFERENCE:
        raise Refused(
            409, "only-referred", "the bytes of this file are kept elsewhere, and this server does not fetch them",
            more={"uri": ls.address(entry)},
        )  # fmt: skip
    tag = f'"b3-{entry.digest.hex()}"'
    headers = {**headers, "ETag": tag, "Content-Disposition": _attached(posixpath.basename(entry.path))}
    if call.request.headers.get("if-none-match") in (tag, "*"):
        return Response(b"", 304, headers)
    wanted = call.request.headers.get("range")
    if call.request.headers.get("if-range", tag) != tag:
        wanted = None  # the rest of another file is of no use
    span = span_of(wanted, entry.size)
    whole = span or Span(0, entry.size, entry.size)
    return answer(
        _pieces(store, entry, whole), whole, partial=span is not None, head=call.request.method == "HEAD",
        headers=headers, media_type="application/octet-stream",
    )  # fmt: skip


def _pieces(store: Store, entry: Entry, span: Span) -> Iterator[bytes]:
    """The bytes of a span, verified; an error breaks the answer off, so that it is too short."""
    portion, start = PORTIONS.one(), span.start
    while start < span.end:
        end = start + portion.of(min(PIECE, span.end - start))
        yield b"".join(contents.file(store, store, entry, workers=1, start=start, end=end))
        start = end


def _attached(name: bytes) -> str:
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def _archive(version: Version, store: Store, path: bytes, form: str, headers: dict[str, str]) -> Response:
    if form not in FORMATS:
        raise Refused(400, "bad-archive", f"an archive is one of {', '.join(FORMATS)}")
    if path:
        next(part.below(store, version, path))  # there, or an error before the first byte
    entries = part.lifted(part.below(store, version, path or None), path or None)
    here = (entry for entry in entries if entry.kind != REFERENCE)
    portion = PORTIONS.one()

    def limit(size: int) -> int:
        return portion.of(STAGES * size) // STAGES

    blocks = FORMATS[form](contents.files(store, store, here, workers=1, limit=limit), limit)
    name = f"{version.name}-v{version.number}.{form}".encode()
    return StreamingResponse(
        map(bytes, blocks), 200, {**headers, "Content-Disposition": _attached(name)},
        media_type="application/x-tar" if form == "tar" else "application/zip",
    )  # fmt: skip


def _listing(call: Call, version: Version, store: Store, path: bytes, headers: dict[str, str]) -> Response:
    if path:
        next(part.below(store, version, path))
    head = call.request.method == "HEAD"
    lines: Iterator[bytes] = iter(()) if head else _listed(version, store, path)
    return StreamingResponse(lines, 200, headers, media_type="application/json")


def _listed(version: Version, store: Store, path: bytes) -> Iterator[bytes]:
    """What is below a path, as one document of JSON that is made as it is sent."""
    head = {
        "project": version.project, "version": version.ref, "digest": version.digest, "path": paths.shown(path),
        "entries": [],
    }  # fmt: skip
    ready, comma = [json.dumps(head)[:-2].encode()], b"\n"
    for entry in part.below(store, version, path or None):
        told = (paths.shown(entry.path), KINDS[entry.kind], entry.size, entry.digest.hex())
        ready += [comma, json.dumps(dict(zip(("path", "kind", "size", "digest"), told, strict=True))).encode()]
        comma = b",\n"
        if len(ready) > 2 * LINES:
            yield b"".join(ready)
            ready.clear()
    yield b"".join([*ready, b"\n]}\n"])
