"""`art serve`: this repository, or others, for other machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.errors import ArtError, UsageError
from artcli.flows.meant import given

if TYPE_CHECKING:
    from artcli.web.served import Places

EXAMPLES = """
art serve                           # this repository, for programs of this machine
art serve ../nas --port 8080
art serve --many ../repositories    # each folder of it, at /<folder>
"""

SERVER = Schema("server", fields=[Field("url", help="where it is")], columns=["url"], key="url")


def command(
    ctx: typer.Context,
    path: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="a repository, or the directory of a remote")
    ] = None,
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="address to listen at")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", help="0: one that is free")] = 8080,
    many: Annotated[bool, typer.Option("--many", help="serve each folder of DIR")] = False,
    verify: Annotated[
        str,
        typer.Option("--verify", metavar="HOW", help="what comes in: quick (form, digests) or full (each chunk)"),
    ] = "quick",
    append_only: Annotated[bool, typer.Option("--append-only", help="delete nothing, by whatever token")] = False,
    stdio: Annotated[bool, typer.Option("--stdio", help="serve one connection over stdin and stdout")] = False,
) -> None:
    """Serve a repository to other machines, over HTTP.

    It is a remote for their art, and plain files for those that have only curl.
    """
    console: Console = ctx.obj
    from artcli.web import serving
    from artcli.web.app import App, Options
    from artcli.web.doorway import ROUTES
    from artcli.web.guard import Open

    places = _places(console, path, many)
    options = Options(append_only=append_only, full=verify == "full")
    if stdio:
        serving.serve_stdio(App(places, Open(), ROUTES, options))
        return
    if host not in ("127.0.0.1", "::1", "localhost"):
        raise UsageError("not-open", "a server that others reach needs tokens", hint="art serve --help")
    try:
        listener = serving.listen(host, port)
    except OSError as error:
        raise ArtError(
            "cannot-listen", f"cannot listen at {host}, port {port}: {(error.strerror or str(error)).lower()}",
            hint="art serve --port 0",
        ) from None  # fmt: skip
    url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"

    def ready() -> None:
        console.record(SERVER, {"url": url})
        console.out.flush()

    serving.serve(App(places, Open(here=True), ROUTES, options, console.say), listener, ready=ready)


def _places(console: Console, path: str | None, many: bool) -> Places:
    from artcli.buckets.disk import DiskBucket
    from artcli.web.served import One, Served, Several, folder_of

    if many:
        return Several(Path(given(path or ".")).absolute())
    folder = console.repository().path if path is None else folder_of(Path(given(path)).absolute())
    return One(Served(DiskBucket(folder), folder))
