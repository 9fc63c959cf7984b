"""Tags: labels that any number of versions may carry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from artcli.catalog import resolve
from artcli.catalog.catalog import Catalog, Version
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.repository import Make, Repository
from artcli.catalog.resolve import Resolved
from artcli.catalog.spec import check_tag

__all__ = ["Tagged", "check_tag", "list_tags", "set_tags"]


class Tagged(NamedTuple):
    """A tag and the live versions that carry it, oldest first."""

    tag: str
    versions: list[Version]


def set_tags(
    repository: Repository,
    ref: str,
    tags: Sequence[str],
    project: str,
    remove: bool = False,
    reason: str | None = None,
) -> Resolved:
    """Put `tags` on the version of `ref`, or take them off; what is so already is left alone. Returns the version.

    Raises `UsageError` (`bad-tag`), `NotFoundError`.
    """
    for tag in tags:
        check_tag(tag)
    found: list[Resolved] = []

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        found[:] = [resolve.whole(catalog, ref, project)]
        version = found[0].version
        there = set(catalog.tags_of(version))
        changed = [tag for tag in dict.fromkeys(tags) if (tag in there) == remove]
        kind = "untag" if remove else "tag"
        return [make(Draft(kind, {"version": version.id, "tag": tag}, reason)) for tag in changed]

    repository.commit(plan)
    return found[0]


def list_tags(catalog: Catalog, name: str | None, project: str) -> tuple[list[Tagged], str | None]:
    """The tags of a project, or of one artifact, with the versions that carry them; and a note for the user."""
    artifact, note = resolve.artifact(catalog, name, project) if name is not None else (None, None)
    _, tags = catalog.labels(artifact.id if artifact else None)
    found: dict[str, list[Version]] = {}
    for version in catalog.versions(artifact.id if artifact else None):
        if artifact is not None or version.project == project:
            for tag in tags.get(version.id, ()):
                found.setdefault(tag, []).append(version)
    return [Tagged(tag, found[tag]) for tag in sorted(found)], note
