"""What `fsck` says: each finding, and what it came to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from artcli.cli import formatting
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.errors import IntegrityError
from artcli.flows.fsck import Examination, Finding, Summary

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


def examine(console: Console, begin: Callable[..., Examination]) -> Summary:
    """Let the examination that `begin(progress)` gives do its work, and print what it finds."""
    with console.progress() as progress:
        examination = begin(progress)
        findings = map(_item, examination.run())
        if console.flags.json:
            for finding in findings:
                console.event("problem" if finding["version"] is None else "touched", FSCK.document(finding))
        else:
            console.rows(FSCK, findings)
    return examination.summary()


def end(console: Console, summary: Summary, mend: bool) -> None:
    """Say what it came to; raises `IntegrityError` (`repository-damaged`)."""
    if console.flags.json:
        console.record(SUMMARY, summary._asdict() | {"repaired": mend}, summary=True)
    else:
        console.say(_receipt(summary))
    if summary.problems:
        raise _damage(summary, mend, is_place=console.url is not None)


def _item(finding: Finding) -> dict[str, Any]:
    return finding._asdict()


def _receipt(summary: Summary) -> str:
    looked = [
        formatting.counted(summary.entries, "log entry", "log entries"),
        formatting.counted(summary.indexes, "index", "indexes"),
        formatting.counted(summary.packs, "pack", "packs")
        + (f" ({formatting.size(summary.size)} read)" if summary.size else ""),
    ]
    if summary.versions:  # a quick look reads none
        looked.append(formatting.counted(summary.versions, "version", "versions"))
    rest = f"; {formatting.size(summary.dust_size)} that nothing needs, for art gc" if summary.dust_files else ""
    return f"{'damaged' if summary.problems else 'sound'}: {', '.join(looked)}{rest}"


def _damage(summary: Summary, mended: bool, *, is_place: bool) -> IntegrityError:
    touched = [f"{name}: {count:,} touched" for name, count in summary.touched.items()]
    message = f"{summary.problems} damaged or missing" + (", lost for good" if mended else "")
    hint = "log the files again: what is stored anew heals the versions" if mended else "art fsck --repair"
    hint = "art help repository-damaged" if is_place else hint
    return IntegrityError("repository-damaged", message, facts=touched or ["no version is touched"], hint=hint)
