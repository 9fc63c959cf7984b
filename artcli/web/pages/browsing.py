"""GET of pages: which one a path means, and who may see it.

/p/<project>/runs/<id>              the page of a run
/p/<project>/runs/<id>/<picture>    a picture that it logged
"""

from __future__ import annotations

from starlette.responses import Response

from artcli.catalog.fold import LIVE
from artcli.catalog.repository import Repository
from artcli.catalog.runs import view
from artcli.catalog.runs.register import Register, Run
from artcli.flows.runs import kept
from artcli.web import paths
from artcli.web.answers import Refused
from artcli.web.app import Call, Routes, Way
from artcli.web.guard import READ
from artcli.web.pages import layout
from artcli.web.pages import run as pages

PICTURE = 64 * 1024 * 1024
"""Bytes of a picture that is shown."""
GUARDED = {**layout.HEADERS, "Content-Security-Policy": "sandbox; default-src 'none'"}
"""Headers of a picture: opened by itself it is a page without rights."""


async def get(call: Call) -> Response:
    """The page or the picture that the path means."""
    return await call.app.heavily(lambda: _get(call))


def _get(call: Call) -> Response:
    project, id, picture = _named(call.rest)
    if call.bearer.project not in (None, project):
        raise Refused(403, "another-project", "the token is bound to another project")
    with call.desk.pages() as repository:
        repository.refresh()
        run = _find(repository, project, id)
        if picture:
            return _picture(repository, run, picture)
        is_open = not call.bearer.is_known  # links to files ask for what a browser has not: a Bearer token
        return layout.response(pages.title(run), pages.body(repository, run, browsable=is_open))


def _named(rest: str) -> tuple[str, str, str]:
    """Project, run, and the path of a picture or ""; raises `Refused` (404, 400)."""
    try:
        project, kind, run, *picture = (paths.decoded(word).decode() for word in rest.split("/"))
    except ValueError:  # too few words, or no UTF-8
        project = kind = run = ""
        picture = []
    if kind != "runs" or not project or not run or picture == [""]:
        raise Refused(404, "no-such-page", "there is no such page", hint="/p/<project>/runs/<id>")
    return project, run, "/".join(picture)


def _find(repository: Repository, project: str, id: str) -> Run:
    run = Register(repository.follower.database).run(id)
    if run is None or run.project != project or run.state != LIVE:
        raise Refused(404, "no-such-run", f"no run '{id}' in project '{project}': was it pushed?", hint="art push")
    return run


def _picture(repository: Repository, run: Run, path: str) -> Response:
    paths.check_path(path.encode())
    format = pages.format_of(path)
    if format is None or path not in view.files(repository, run.id):
        raise Refused(404, "no-such-picture", f"run '{run.name}' has no picture of this name that a page shows")
    return Response(kept.read(repository, run.id, path, PICTURE), 200, GUARDED, media_type=format)


PAGES: Routes = {"/p/": {"GET": Way(get, READ, is_page=True), "HEAD": Way(get, READ, is_page=True)}}
