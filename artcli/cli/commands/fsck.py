"""`art fsck`: find damage in the repository, and repair it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from artcli.buckets.urls import Access, directory, open_bucket
from artcli.catalog.remotes import Remotes
from artcli.catalog.view import only_a_view
from artcli.cli import formatting
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.cli.through import view
from artcli.errors import IntegrityError, UsageError
from artcli.flows.fsck import Away, Examination, Finding, Level, Options, Summary, locate, repair
from artcli.flows.fsck.afar import PlaceExamination

EXAMPLES = """
art fsck                       # every byte that the versions need
art fsck --quick               # the log, the indexes, and whether all packs are there
art fsck dataset:v3            # only what this version needs
art fsck --repair
art fsck --repair --from /media/usb/project   # what is lost here may be there; --from nas: a remote
art -C ../nas fsck             # another place: its log, its indexes, and the ends of its packs
"""

FSCK = Schema(
    "fsck",
    fields=[
        Field("what", help="config, log, segment, index, pack, cache, chunk; touched: file, files, version, text"),
        Field("key", help="the file below .art; the path in the version"),
        Field("version", help="the version that is touched"),
        Field("project"),
        Field("code", help="the kind of damage, see `art help CODE`"),
        Field("why"),
        Field("cause", help="the key of the damage that touches it"),
    ],
    columns=["what", "key", "version", "why"],
    key="key",
)

SUMMARY = Schema(
    "fsck-summary",
    fields=[
        Field("problems", "count", "files that are damaged or missing, chunks that nothing has"),
        Field("touched", "object", "versions that are touched, and in how many places"),
        Field("repaired", "truth"),
        Field("entries", "count", "of the log"),
        Field("indexes", "count"),
        Field("packs", "count"),
        Field("size", "size", "bytes of packs that were read"),
        Field("versions", "count", "whose manifests were read"),
        Field(
            "dust_files",
            "count",
            "files that nothing names: replaced indexes, and what killed commands left; for `art gc`",
        ),
        Field("dust_size", "size"),
    ],
    columns=["problems", "packs", "size"],
    key="problems",
)


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
            _end(console, _examine(console, partial(PlaceExamination, place, options)), mend)
        return
    path = locate(Path.cwd(), console.settings.repository)
    begin = partial(Examination, path, options)
    summary = _examine(console, begin)
    if mend and summary.problems:
        with console.progress() as progress:
            for done in repair(path, level, [_donor(console, path, word) for word in donors or ()], progress):
                console.event("lost" if done.lost else "repaired", done._asdict())
                console.say(f"{'lost' if done.lost else 'repaired'}: {done.key}: {done.how}")
        summary = _examine(console, begin)
    _end(console, summary, mend)


def _end(console: Console, summary: Summary, mend: bool) -> None:
    """Say what it came to; raises `IntegrityError` (`repository-damaged`)."""
    if console.flags.json:
        console.record(SUMMARY, summary._asdict() | {"repaired": mend}, summary=True)
    else:
        console.say(_receipt(summary))
    if summary.problems:
        raise _damage(summary, mend, is_place=console.url is not None)


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


def _examine(console: Console, begin: Callable[..., Examination]) -> Summary:
    with console.progress() as progress:
        examination = begin(progress)
        findings = map(_item, examination.run())
        if console.flags.json:
            for finding in findings:
                console.event("problem" if finding["version"] is None else "touched", FSCK.document(finding))
        else:
            console.rows(FSCK, findings)
    return examination.summary()


def _item(finding: Finding) -> dict[str, Any]:
    return finding._asdict()


def _receipt(summary: Summary) -> str:
    looked = [
        _count(summary.entries, "log entry", "log entries"),
        _count(summary.indexes, "index", "indexes"),
        _count(summary.packs, "pack", "packs") + (f" ({formatting.size(summary.size)} read)" if summary.size else ""),
    ]
    if summary.versions:  # a quick look reads none
        looked.append(_count(summary.versions, "version", "versions"))
    rest = f"; {formatting.size(summary.dust_size)} that nothing needs, for art gc" if summary.dust_files else ""
    return f"{'damaged' if summary.problems else 'sound'}: {', '.join(looked)}{rest}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _damage(summary: Summary, mended: bool, *, is_place: bool) -> IntegrityError:
    touched = [f"{name}: {count:,} touched" for name, count in summary.touched.items()]
    message = f"{summary.problems} damaged or missing" + (", lost for good" if mended else "")
    hint = "log the files again: what is stored anew heals the versions" if mended else "art fsck --repair"
    hint = "art help repository-damaged" if is_place else hint
    return IntegrityError("repository-damaged", message, facts=touched or ["no version is touched"], hint=hint)
