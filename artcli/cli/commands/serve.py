"""`art serve`: this repository, or others, for other machines."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema

EXAMPLES = """
art serve                           # this repository, for programs of this machine
art serve ../nas --port 8080
art serve --many ../repositories    # each folder of it, at /<folder>
art serve --append-only --quota 200GB
"""

SERVER = Schema("server", fields=[Field("url", help="where it is")], columns=["url"], key="url")


def command(
    ctx: typer.Context,
    path: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="a repository, or the directory of a remote")
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", metavar="HOST", help="address to listen at; 127.0.0.1 by default")
    ] = None,
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0: one that is free")] = 8080,
    many: Annotated[bool, typer.Option("--many", help="serve each folder of DIR")] = False,
    storage: Annotated[
        str | None,
        typer.Option("--storage", metavar="URL", help="s3://…, gs://…, az://…: serve what is there, keep nothing here"),
    ] = None,
    tokens: Annotated[
        str | None, typer.Option("--tokens", metavar="FILE", help="tokens that are not in the repository's own file")
    ] = None,
    auth: Annotated[str, typer.Option("--auth", metavar="HOW", help="token or none")] = "token",
    i_know: Annotated[bool, typer.Option("--i-know", help="with --auth none: let everybody do everything")] = False,
    insecure: Annotated[bool, typer.Option("--insecure", help="plain HTTP for other machines")] = False,
    certificate: Annotated[
        str | None, typer.Option("--tls-cert", metavar="FILE", help="certificate, and those above it, in PEM")
    ] = None,
    key: Annotated[str | None, typer.Option("--tls-key", metavar="FILE", help="its key")] = None,
    verify: Annotated[
        str,
        typer.Option("--verify", metavar="HOW", help="what comes in: quick (form, digests) or full (each chunk)"),
    ] = "quick",
    quota: Annotated[
        str | None, typer.Option("--quota", metavar="SIZE", help="what a repository may hold, such as 10GB")
    ] = None,
    append_only: Annotated[bool, typer.Option("--append-only", help="delete nothing, by whatever token")] = False,
    lan: Annotated[
        bool, typer.Option("--lan", help="say in the local network that it is here, with a certificate of its own")
    ] = False,
    stdio: Annotated[bool, typer.Option("--stdio", help="serve one connection over stdin and stdout")] = False,
) -> None:
    """Serve a repository to other machines, over HTTP.

    It is a remote for their art, plain files for those that have only curl, and for a browser a page of each run. Other
    machines need a token: see art token. It runs until Ctrl-C or SIGTERM, and ends what it is doing then.
    """
    console: Console = ctx.obj
    from artcli.cli import doorway
    from artcli.memory import keep_freed_memory, share_one_heap
    from artcli.web import serving
    from artcli.web.app import App
    from artcli.web.guard import Open
    from artcli.web.routes import ROUTES

    share_one_heap()
    keep_freed_memory()
    wanted = doorway.Wanted(
        path, many, storage, tokens, host, port, lan, auth, i_know, insecure, certificate, key, verify, quota,
        append_only,
    )  # fmt: skip
    with ExitStack() as stack:
        options = doorway.options(wanted)
        places = doorway.places(console, wanted, stack)
        if stdio:
            serving.serve_stdio(App(places, Open(), ROUTES, options))
            return
        app = App(places, doorway.guard(wanted, places), ROUTES, options, doorway.access_log(console))
        tls = doorway.tls(wanted, places)
        listener = doorway.listening(wanted)

        def ready() -> None:
            console.record(SERVER, {"url": doorway.url_of(listener, wanted)})
            console.out.flush()

        with doorway.told(console, wanted, tls, listener):
            serving.serve(app, listener, tls, ready=ready)
