"""Tags: labels that any number of versions may carry."""

from __future__ import annotations

from collections.abc import Sequence

from artcli.catalog import resolve, spec
from artcli.catalog.catalog import Catalog, Version
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.repository import Make, Repository
from artcli.errors import UsageError


def set_tags(
    repository: Repository,
    ref: str,
    tags: Sequence[str],
    project: str,
    remove: bool = False,
    reason: str | None = None,
) -> Version:
    """Put `tags` on the version of `ref`, or take them off; what is so already is left alone. Returns the version."""
    for tag in tags:
        check_tag(tag)

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        version = resolve.version(catalog, ref, project).version
        there = set(catalog.tags_of(version))
        changed = [tag for tag in dict.fromkeys(tags) if (tag in there) == remove]
        kind = "untag" if remove else "tag"
        return [make(Draft(kind, {"version": version.id, "tag": tag}, reason)) for tag in changed]

    repository.commit(plan)
    return resolve.version(repository.catalog, ref, project).version


def check_tag(tag: str) -> str:
    """`tag` itself, if a version may carry it; raises `UsageError` (`bad-tag`)."""
    if not spec.NAME.fullmatch(tag):
        raise UsageError("bad-tag", f"a tag has letters, digits, '.', '_' and '-', at most 128 of them: {tag!r}")
    return tag
