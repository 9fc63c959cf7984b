"""PUT and POST of files: a file or an archive becomes a version, or many files that were sent before do."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from blake3 import blake3
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from artcli.buckets.incoming import Incoming, receive
from artcli.catalog import facts
from artcli.catalog.catalog import Version
from artcli.web import paths, uploads
from artcli.web.answers import Refused
from artcli.web.app import Call
from artcli.web.drafts import Come, Draft, Drafts
from artcli.web.portions import PORTIONS
from artcli.web.quota import Room
from artcli.web.uploads import Upload, Wish

TOGETHER = 512 * 1024
"""Bytes of a body that are written at once, at most."""
STEP = 16 * 1024 * 1024
"""Bytes that are reserved at once for a body of which nobody has said how long it is."""
ARCHIVES = ("application/x-tar", "application/tar")
OF_A_VERSION = ("base", "type", "alias", "tag", "run", "description")
"""What a query may say of the version that is to be made."""


async def put(call: Call) -> Response:
    """A file, or an archive of many, as a new version."""
    wanted, path, is_archive = await run_in_threadpool(_wanted, call)
    if (made := await run_in_threadpool(_made_before, call, wanted)) is not None:
        return _told(made, created=False, again=True)
    incoming = await run_in_threadpool(receive, call.served.bucket)
    try:
        with call.desk.quota.room() as room:
            await _take(call.request, room, incoming)
            return await call.app.heavily(lambda: _make(call, wanted, path, is_archive, incoming))
    finally:
        await run_in_threadpool(incoming.close)


def _wanted(call: Call) -> tuple[Wish, bytes, bool]:
    paths.check_options(call.request, "format", *OF_A_VERSION)
    found = paths.named(call.rest)
    if found.ref != f"{found.project}/{found.name}":
        raise Refused(400, "bad-path", "a version gets its number when it is made: /files/<project>/<name>[/<path>]")
    form = paths.option(call.request, "format")
    kind = call.request.headers.get("content-type", "").split(";")[0].strip().lower()
    if form not in (None, "tar"):
        raise Refused(400, "bad-archive", "an archive that comes in is a tar")
    _check_plain(call.request)
    is_archive = form == "tar" or (not found.path and kind in ARCHIVES)
    if is_archive == bool(found.path):
        raise Refused(400, "bad-path", "a file has a path in the version, an archive (?format=tar) has none")
    _check_project(call, found.project)
    return uploads.wish(found.project, found.name, call.request, call.bearer), found.path, is_archive


def _check_plain(request: Request) -> None:
    """Refuse (415) a form, whose parts and their heads would be kept as if they were the file."""
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise Refused(415, "bad-form", "the body is the file itself, not a form", hint="curl -T FILE URL")


def _check_project(call: Call, project: str) -> None:
    if call.bearer.project not in (None, project):
        raise Refused(403, "another-project", "the token is bound to another project")


def _made_before(call: Call, wanted: Wish) -> Version | None:
    with call.desk.repository() as repository:
        repository.refresh()
        return uploads.made_before(repository.catalog, wanted)


async def _take(request: Request, room: Room, target: Incoming | _Fresh) -> None:
    """The body into `target`; room is reserved before it comes, or as it does."""
    length = request.headers.get("content-length")
    if length is not None:
        room.take(int(length))
    portion, parts, size = PORTIONS.one(), list[bytes](), 0

    def write(data: list[bytes]) -> None:
        for part in data:
            target.write(part)

    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size >= portion.of(TOGETHER):
            if target.size + size > room.size:
                await run_in_threadpool(room.take, STEP)
            await run_in_threadpool(write, parts)
            parts, size = [], 0
    if target.size + size > room.size:
        await run_in_threadpool(room.take, size)
    await run_in_threadpool(write, parts)


def _make(call: Call, wanted: Wish, path: bytes, is_archive: bool, incoming: Incoming) -> Response:
    def add(upload: Upload) -> None:
        if is_archive:
            upload.add_tar(incoming)
        else:
            upload.add_file(path, incoming)

    return _log(call, wanted, add)


def _log(call: Call, wanted: Wish, add: Callable[[Upload], None]) -> Response:
    with Upload(call.desk, wanted, call.bearer) as upload:
        add(upload)
        with call.desk.making:
            if (made := _made_before(call, wanted)) is not None:
                return _told(made, created=False, again=True)
            logged = upload.log()
    assert logged.version is not None
    return _told(logged.version, created=logged.created)


def _told(version: Version, *, created: bool, again: bool = False) -> Response:
    document = {
        "project": version.project, "version": version.ref, "id": version.id, "digest": version.digest,
        "entries": version.entries, "size": version.size, "created": created,
        "path": f"/files/{version.project}/{version.ref}",
    }  # fmt: skip
    return JSONResponse(document, 201 if created else 200, {"Idempotency-Replayed": "true"} if again else {})


# --- drafts ---


async def begin(call: Call) -> Response:
    """POST /drafts: what version is to be made."""
    paths.check_options(call.request, "project", "name", *OF_A_VERSION)
    project, name = paths.option(call.request, "project"), paths.option(call.request, "name")
    if not project or not name:
        raise Refused(400, "bad-query", "a draft is of a project and a name: ?project=…&name=…")
    found = paths.named(f"{project}/{name}")
    if (found.ref, found.path) != (f"{project}/{name}", b"") or ":" in name:
        raise Refused(400, "bad-query", "a project and a name have letters, digits, '.', '_' and '-'")
    _check_project(call, project)
    wanted = uploads.wish(project, name, call.request, call.bearer)
    draft = await run_in_threadpool(_drafts(call).create, wanted, call.bearer)
    return _draft_told(draft, 201)


async def about(call: Call) -> Response:
    """GET /drafts/<id>: what has come."""
    id, _, path = call.rest.partition("/")
    if path:
        raise Refused(404, "no-such-path", "there is nothing under this path")
    draft = await run_in_threadpool(_drafts(call).get, id, call.bearer)
    files = await run_in_threadpool(lambda: [_come(file) for file in draft.files()])
    return _draft_told(draft, 200, files=files, committed=draft.version is not None)


async def add(call: Call) -> Response:
    """PUT /drafts/<id>/<path>: one file, whole."""
    paths.check_options(call.request, "executable")
    _check_plain(call.request)
    id, _, rest = call.rest.partition("/")
    path = paths.decoded(rest)
    paths.check_path(path)
    draft = await run_in_threadpool(_drafts(call).get, id, call.bearer)
    if draft.version is not None:
        raise Refused(409, "draft-committed", "the draft has become a version, and takes nothing more")
    stated = call.request.headers.get("x-art-b3")
    executable = paths.option(call.request, "executable") in ("1", "true")
    fresh = await run_in_threadpool(_Fresh, draft.place_of(path))
    try:
        with call.desk.quota.room() as room:
            await _take(call.request, room, fresh)
            digest = await run_in_threadpool(fresh.finish)
            if stated is not None and stated != digest:
                raise Refused(422, "wrong-digest", "the bytes that came are not those that X-Art-B3 states")
            await run_in_threadpool(draft.add, path, fresh.path, fresh.size, digest, executable)
    finally:
        await run_in_threadpool(fresh.close)
    return JSONResponse({"path": paths.shown(path), "size": fresh.size, "digest": digest}, 201)


async def commit(call: Call) -> Response:
    """POST /drafts/<id>/commit: a version of what has come; what it is called was said when the draft began."""
    paths.check_options(call.request)
    id, _, word = call.rest.partition("/")
    if word != "commit":
        raise Refused(404, "no-such-path", "there is nothing under this path")
    return await call.app.heavily(lambda: _commit_draft(call, id))


def _commit_draft(call: Call, id: str) -> Response:
    with call.desk.making:  # asked twice at once, the second finds what the first has made
        return _committed(call, _drafts(call).get(id, call.bearer))


def _committed(call: Call, draft: Draft) -> Response:
    # the draft's own id names the request, so that who has not heard the answer may ask again
    wanted = draft.wish._replace(request=draft.wish.request or draft.id)
    if draft.version is not None and (made := _made_before(call, wanted)) is not None:
        return _told(made, created=False, again=True)

    def add(upload: Upload) -> None:
        for file in draft.files():
            upload.add_from(file.path, file.file, executable=file.executable)

    answer = _log(call, wanted, add)
    made = _made_before(call, wanted)
    draft.done(made.id if made else "")
    return answer


def _drafts(call: Call) -> Drafts:
    return Drafts(call.served.path)


def _draft_told(draft: Draft, status: int, **more: Any) -> Response:
    document = {"draft": draft.id, "path": f"/drafts/{draft.id}", "expires": facts.timestamp(draft.expires), **more}
    return JSONResponse(document, status, {"Cache-Control": "no-store"})


def _come(file: Come) -> dict[str, Any]:
    return {"path": paths.shown(file.path), "size": file.size, "digest": file.digest, "executable": file.executable}


class _Fresh:
    """A file of a draft that is coming."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f"{target.name}.{os.urandom(6).hex()}.new")
        self._file = open(self.path, "xb")  # noqa: SIM115 `close` closes it
        self._hasher = blake3()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._hasher.update(data)
        self._file.write(data)
        self.size += len(data)

    def finish(self) -> str:
        """Its digest, once it is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._hasher.hexdigest()

    def close(self) -> None:
        self._file.close()
        with suppress(FileNotFoundError):  # it became a file of the draft
            self.path.unlink()
