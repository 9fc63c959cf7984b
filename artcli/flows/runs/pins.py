"""What names mean in a run that does another one again: what they meant to that one.

ART_PINS     `project/name@digest` of what it used, with spaces between

A program that asks for `dataset:latest` gets the version that it got then, whichever is the latest by now; so do
`art use`, `art get`, and `--base` and `--add` of `art log-artifact`. A name behind which it used several versions, and
what a digest names, are read as ever; so is an artifact of which the run itself has logged a version by then.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from artcli.catalog import resolve, spec
from artcli.errors import NotFoundError

if TYPE_CHECKING:
    from artcli.catalog.catalog import Catalog

PINS = "ART_PINS"


def meant(
    catalog: Catalog, text: str, project: str, run: str | None = None, environ: Mapping[str, str] = os.environ
) -> str:
    """`text`, or the pinned reference that stands for it in the run. Raises as `resolve.reading`."""
    pins = environ.get(PINS, "").split()
    if not pins:
        return text
    wanted, artifact, _ = resolve.reading(catalog, text, project)
    found = {pin.digest for pin in map(spec.parse, pins) if _artifact(catalog, pin, project) == artifact.id}
    if len(found) != 1 or wanted.digest or (run and artifact.id in _made(catalog, run)):
        return text
    path = f"/{os.fsdecode(wanted.path)}" if wanted.path else ""
    return f"{artifact.project}/{artifact.name}@{found.pop()}{path}"


def environment(pinned: Iterable[str]) -> str:
    """The value of ART_PINS."""
    return " ".join(dict.fromkeys(pinned))


def _artifact(catalog: Catalog, pin: spec.Spec, project: str) -> int | None:
    try:
        return resolve.artifact(catalog, f"{pin.project or project}/{pin.name}", project)[0].id
    except NotFoundError:
        return None  # of another repository, whose pins say nothing here


def _made(catalog: Catalog, run: str) -> set[int]:
    """Artifacts of which the run has logged a version."""
    rows = catalog.database.execute(
        "SELECT v.artifact FROM outputs o JOIN versions v ON v.id = o.version WHERE o.run = ?", (run,)
    )
    return {row[0] for row in rows}
