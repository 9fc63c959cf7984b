"""`art whoami`: as whom this machine acts, and where it is logged in."""

from __future__ import annotations

from typing import Annotated

import typer

from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema

EXAMPLES = """
art whoami
art whoami https://nas:8080/jetracer    # and what may be done there
art whoami --field actor
"""

WHOAMI = Schema(
    "whoami",
    fields=[
        Field("actor", help="who changes something, in the log: ART_USER, git's identity, login@host"),
        Field("machine"),
        Field("logins", "words", "the servers for which a token is kept"),
        Field("url", help="the server that was asked"),
        Field("scope", help="what may be done there: read, write or admin"),
    ],
    columns=["actor", "machine", "scope"],
    key="actor",
)


def command(
    ctx: typer.Context,
    url: Annotated[str | None, typer.Argument(metavar="[URL]", help="a server to ask what may be done there")] = None,
) -> None:
    """Say as whom changes are recorded, and for which servers a token is kept. Tokens are never shown."""
    console: Console = ctx.obj
    from artcli.buckets.credentials import known_urls
    from artcli.catalog.facts import this_actor, this_machine

    logins = known_urls()
    item: dict[str, object] = {
        "actor": this_actor(), "machine": this_machine(), "logins": logins, "url": None, "scope": None,
    }  # fmt: skip
    if url is not None:
        from artcli.flows.logins import told

        found = told(url)
        item |= {"url": found.url, "scope": found.scope}

    def text() -> str:
        lines = [f"{item['actor']} at {item['machine']}"]
        lines += [f"logged in to {known}" for known in logins]
        lines += [f"{item['url']}: {item['scope'] or 'unknown scope'}"] if url is not None else []
        return "\n".join(lines)

    console.record(WHOAMI, item, text=text)
