"""Edits of what is said about an artifact or a version: description, note, metadata, name, how many versions to keep.

Every edit is a fact with the old and the new value, so that `audit` shows it and `undo` takes it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from artcli.catalog import resolve, spec
from artcli.catalog.catalog import Artifact, Catalog, Version
from artcli.catalog.facts import FACT_SIZE, Draft, Fact
from artcli.catalog.repository import Make, Repository
from artcli.errors import ConflictError, UsageError

TEXT_SIZE = FACT_SIZE // 4
"""Characters of the longest description or note."""


class Edits(NamedTuple):
    """What to change; None leaves a thing as it is, an empty text or a negative count removes it."""

    description: str | None = None
    note: str | None = None
    set: Mapping[str, Any] = {}
    """Metadata keys and their new values."""
    unset: Sequence[str] = ()
    """Metadata keys to remove."""
    rename: str | None = None
    keep_last: int | None = None


def edit(repository: Repository, ref: str, edits: Edits, project: str, reason: str | None = None) -> list[Fact]:
    """Change what is said about the version `ref` names, or about the artifact if it names no version.

    Returns the facts that were made: none if all was so already. Raises `UsageError` (`edit-needs-version`,
    `edit-needs-artifact`, `text-too-long`, `bad-name`), `ConflictError` (`name-taken`), `NotFoundError`.
    """
    wanted = spec.parse(ref)
    of_version = wanted.version is not None or wanted.digest is not None
    _check(edits, of_version, ref)

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        if of_version:
            drafts = version_edits(resolve.version(catalog, ref, project).version, edits)
        else:
            drafts = _artifact_edits(catalog, resolve.artifact(catalog, ref, project)[0], edits)
        return [make(draft._replace(reason=reason)) for draft in drafts]

    return repository.commit(plan)


def version_edits(version: Version, edits: Edits) -> list[Draft]:
    """The facts that make a version's description, note and metadata those of `edits`."""
    about = {"version": version.id}
    drafts = _texts(about, version, edits)
    for key, value in edits.set.items():
        if key not in version.metadata:
            drafts.append(Draft("edit", {**about, "field": "metadata", "key": key, "to": value}))
        elif version.metadata[key] != value:
            data = {**about, "field": "metadata", "key": key, "from": version.metadata[key], "to": value}
            drafts.append(Draft("edit", data))
    for key in edits.unset:
        if key in version.metadata:
            drafts.append(Draft("edit", {**about, "field": "metadata", "key": key, "from": version.metadata[key]}))
    return drafts


def _artifact_edits(catalog: Catalog, artifact: Artifact, edits: Edits) -> list[Draft]:
    about = {"project": artifact.project, "name": artifact.name}
    drafts = _texts(about, artifact, edits)
    keep = None if edits.keep_last is not None and edits.keep_last < 0 else edits.keep_last
    if edits.keep_last is not None and keep != artifact.keep_last:
        drafts.append(Draft("edit", {**about, "field": "keep_last", "from": artifact.keep_last, "to": keep}))
    if edits.rename is not None and edits.rename != artifact.name:
        taken = catalog.artifact(artifact.project, edits.rename)
        if taken and taken.id != artifact.id:
            raise ConflictError(
                "name-taken",
                f"project '{artifact.project}' has or had an artifact '{edits.rename}' already",
                hint="art ls",
            )
        drafts.append(Draft("rename", {"project": artifact.project, "from": artifact.name, "to": edits.rename}))
    return drafts


def _texts(about: Mapping[str, Any], row: Version | Artifact, edits: Edits) -> list[Draft]:
    drafts = []
    for field, new in (("description", edits.description), ("note", edits.note)):
        old = getattr(row, field)
        if new is not None and (new or None) != old:
            drafts.append(Draft("edit", {**about, "field": field, "from": old, "to": new or None}))
    return drafts


def _check(edits: Edits, of_version: bool, ref: str) -> None:
    if of_version and (edits.rename is not None or edits.keep_last is not None):
        raise UsageError(
            "edit-needs-artifact", f"a name and --keep-last belong to an artifact, not to a version: {ref!r}"
        )
    if not of_version and (edits.set or edits.unset):
        raise UsageError(
            "edit-needs-version",
            f"metadata belongs to a version, and {ref!r} names none",
            hint=f"art edit {ref}:latest --set …",
        )
    if edits.rename is not None:
        spec.check_name(edits.rename)
    for text in (edits.description, edits.note):
        if text and len(text) > TEXT_SIZE:
            raise UsageError("text-too-long", f"a text of {len(text)} characters is over {TEXT_SIZE}")
