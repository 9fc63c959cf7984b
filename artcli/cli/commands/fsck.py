"""`art fsck`: find damage in the repository, and repair it."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from artcli.buckets.urls import Access, directory, open_bucket
from artcli.catalog.remotes import Remotes
from artcli.catalog.view import only_a_view
from artcli.cli import examined
from artcli.cli.console import Console
from artcli.cli.examined import FSCK as FSCK
from artcli.cli.examined import SUMMARY as SUMMARY
from artcli.cli.through import view
from artcli.errors import IntegrityError, UsageError
from artcli.flows.fsck import Away, Examination, Level, Options, locate, repair
from artcli.flows.fsck.afar import PlaceExamination

EXAMPLES = """
art fsck                       # every byte that the versions need
art fsck --quick               # the log, the indexes, and whether all packs are there
art fsck dataset:v3            # only what this version needs
art fsck --repair
art fsck --repair --from /media/usb/project   # what is lost here may be there; --from nas: a remote
art -C ../nas fsck             # another place: its log, its indexes, and the ends of its packs
"""


def command(
    ctx: typer.Context,
    ref: Annotated[str | None, typer.Argument(metavar="[REF]", help="only what this version needs")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="read no packs")] = False,
    full: Annotated[bool, typer.Option("--full", help="decode every chunk, too")] = False,
    mend: Annotated[bool, typer.Option("--repair", help="mend what can be mended; nothing is deleted")] = False,
    donors: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="PLACE", help="with --repair: a directory, remote or URL that has what is lost"),
    ] = None,
) -> None:
    """Check that everything that was stored is still there, byte for byte.

    Says what is damaged and which files of which versions that touches, and ends with exit code 7 then. --repair takes
    what is lost from wherever it still is; what it replaces moves to .art/lost+found. Versions that are not named stay
    usable in any case.

    Of another place, `art -C URL fsck`, packs are looked at only from their ends, for all their bytes would have to
    travel: --full does that.
    """
    console: Console = ctx.obj
    if quick and full:
        raise UsageError("bad-usage", "--quick and --full contradict each other", hint="art fsck --full")
    if donors and not mend:
        raise UsageError("bad-usage", "--from goes with --repair", hint=console.again("--repair"))
    level = Level.QUICK if quick else Level.FULL if full else Level.DEFAULT
    options = Options(level, ref, console.project)
    if console.url is not None:
        if mend:
            raise only_a_view()
        with closing(view(console.url, console.settings, read=False)) as place:
            examined.end(console, examined.examine(console, partial(PlaceExamination, place, options)), mend)
        return
    path = locate(Path.cwd(), console.settings.repository)
    begin = partial(Examination, path, options)
    summary = examined.examine(console, begin)
    if mend and summary.problems:
        with console.progress() as progress:
            for done in repair(path, level, [_donor(console, path, word) for word in donors or ()], progress):
                console.event("lost" if done.lost else "repaired", done._asdict())
                console.say(f"{'lost' if done.lost else 'repaired'}: {done.key}: {done.how}")
        summary = examined.examine(console, begin)
    examined.end(console, summary, mend)


def _donor(console: Console, path: Path, word: str) -> Path | Away:
    """A directory, or the place that a remote's name or a URL leads to."""
    try:
        remotes = {remote.name: remote.url for remote in Remotes(path).all}
    except IntegrityError:
        remotes = {}  # their list may be what is damaged: addresses do without it
    url = remotes.get(word, word)
    local = directory(url)
    if local is not None:
        return local
    return Away(word, open_bucket(url, access=Access(patience=console.settings.number("patience"))))
