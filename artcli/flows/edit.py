"""Edits of what is said about an artifact or a version: description, note, metadata, name, how many versions to keep.

Every edit is a fact with the old and the new value, so that `audit` shows it and `undo` takes it back. A long text is
put into a pack first, and the fact names it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from artcli.catalog import resolve, spec, texts
from artcli.catalog.catalog import Artifact, Catalog, Version
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.repository import Make, Repository
from artcli.catalog.texts import Text
from artcli.errors import ConflictError, UsageError
from artcli.flows.texts import kept


class Edits(NamedTuple):
    """What to change; None leaves a thing as it is, an empty text or a count of 0 removes it."""

    description: Text | None = None
    note: Text | None = None
    set: Mapping[str, Any] = {}
    """Metadata keys and their new values."""
    unset: Sequence[str] = ()
    """Metadata keys to remove."""
    rename: str | None = None
    keep_last: int | None = None


class Edited(NamedTuple):
    """What came of it."""

    ref: str
    """The version, or the artifact by its new name."""
    facts: list[Fact]
    """None if all was so already."""
    note: str | None
    """What the user should hear about the name."""


def edit(repository: Repository, ref: str, edits: Edits, project: str, reason: str | None = None) -> Edited:
    """Change what is said about the version `ref` names, or about the artifact if it names no version.

    Raises `UsageError` (`edit-needs-version`, `edit-needs-artifact`, `text-too-long`, `unfit-value`, `bad-name`),
    `ConflictError` (`name-taken`, `name-case`), `NotFoundError`.
    """
    _check(edits, spec.parse(ref).names_version, ref)
    target(repository.catalog, ref, project)
    with kept(repository, edits.description, edits.note) as ((description, note), news):
        return _commit(repository, ref, edits._replace(description=description, note=note), project, reason, news)


def _commit(
    repository: Repository, ref: str, edits: Edits, project: str, reason: str | None, news: Sequence[Draft]
) -> Edited:
    """Commit the edits and `news`."""
    done: list[tuple[str, str | None]] = []

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        row, note = target(catalog, ref, project)
        drafts = version_edits(row, edits) if isinstance(row, Version) else _artifact_edits(catalog, row, edits)
        done[:] = [(row.ref if isinstance(row, Version) else edits.rename or row.name, note)]
        return [make(draft) for draft in news] + [make(draft._replace(reason=reason)) for draft in drafts]

    made = repository.commit(plan)
    return Edited(done[0][0], made[len(news) :], done[0][1])


def target(catalog: Catalog, ref: str, project: str) -> tuple[Version | Artifact, str | None]:
    """What an edit of `ref` is about, and a note for the user: a version if it names one, else the artifact."""
    if spec.parse(ref).names_version:
        found = resolve.whole(catalog, ref, project)
        return found.version, found.note
    return resolve.artifact(catalog, ref, project)


def version_edits(version: Version, edits: Edits) -> list[Draft]:
    """The facts that make a version's description, note and metadata those of `edits`."""
    about = {"version": version.id}
    drafts = _texts(about, version, edits)
    for key, value in edits.set.items():
        if key not in version.metadata:
            drafts.append(Draft("edit", {**about, "field": "metadata", "key": key, "to": value}))
        elif not _same(version.metadata[key], value):
            data = {**about, "field": "metadata", "key": key, "from": version.metadata[key], "to": value}
            drafts.append(Draft("edit", data))
    for key in dict.fromkeys(edits.unset):
        if key in version.metadata and key not in edits.set:
            drafts.append(Draft("edit", {**about, "field": "metadata", "key": key, "from": version.metadata[key]}))
    return drafts


def _same(a: Any, b: Any) -> bool:
    """Equal as JSON, where 1, 1.0 and true are three things."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def _artifact_edits(catalog: Catalog, artifact: Artifact, edits: Edits) -> list[Draft]:
    about = {"project": artifact.project, "name": artifact.name}
    drafts = _texts(about, artifact, edits)
    if edits.keep_last is not None and (edits.keep_last or None) != artifact.keep_last:
        data = {**about, "field": "keep_last", "from": artifact.keep_last, "to": edits.keep_last or None}
        drafts.append(Draft("edit", data))
    if edits.rename is not None and edits.rename != artifact.name:
        taken = catalog.artifact(artifact.project, edits.rename)
        if taken and taken.id != artifact.id:
            raise ConflictError(
                "name-taken",
                f"project '{artifact.project}' has or had an artifact '{edits.rename}' already",
                hint=f"art ls {taken.name}",
            )
        resolve.check_case(catalog, artifact.project, edits.rename, artifact)
        drafts.append(Draft("rename", {"project": artifact.project, "from": artifact.name, "to": edits.rename}))
    return drafts


def _texts(about: Mapping[str, Any], row: Version | Artifact, edits: Edits) -> list[Draft]:
    drafts = []
    for field, new in (("description", edits.description), ("note", edits.note)):
        old = getattr(row, field)
        if new is not None and (new or None) != old:
            data = {**about, "field": field, "from": texts.value(old), "to": texts.value(new or None)}
            drafts.append(Draft("edit", data))
    return drafts


def _check(edits: Edits, of_version: bool, ref: str) -> None:
    if of_version and (edits.rename is not None or edits.keep_last is not None):
        name = spec.parse(ref).name
        raise UsageError(
            "edit-needs-artifact",
            f"a name and --keep-last belong to an artifact, not to a version: {ref!r}",
            hint=f"art edit {name} …",
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
        if isinstance(text, str):
            texts.check(text)
