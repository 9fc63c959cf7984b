"""Deleting versions: to the trash first, from where `restore` brings them back until gc takes their bytes.

A deletion frees the version's aliases, so a protected alias stops it. Selection by rule (all but the last five, older
than a month, without an alias) never touches a version with an alias.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from artcli.catalog import moments, resolve, spec
from artcli.catalog.catalog import Artifact, Catalog, Version
from artcli.catalog.facts import PLAUSIBLE_SINCE, Draft, Fact
from artcli.catalog.fold import LIVE, PURGED, TRASH
from artcli.catalog.repository import Make, Repository
from artcli.errors import NotFoundError, UsageError
from artcli.flows import alias as aliases


class Selection(NamedTuple):
    """Which versions of the artifacts that are named; a version must meet every rule that is given."""

    keep_last: int | None = None
    """All but the newest N live versions."""
    before: float | None = None
    """Logged before this moment, in seconds since 1970; what a clock without a battery dated is never old."""
    unaliased: bool = False
    """Without an alias; implied by each of the other rules."""

    @property
    def given(self) -> bool:
        return self.keep_last is not None or self.before is not None or self.unaliased


class Removal(NamedTuple):
    """What is to be deleted."""

    versions: list[Version]
    by_rule: bool
    """Chosen by a selection, which spares what has an alias when it comes to it."""
    notes: list[str]
    """What the user should hear about the names."""


def plan_rm(catalog: Catalog, refs: Sequence[str], selection: Selection, project: str) -> Removal:
    """What `remove` would delete.

    Raises `UsageError` (`which-version`), `ConflictError` (`protected-alias`), `NotFoundError`.
    """
    chosen: dict[str, Version] = {}
    notes: dict[str, None] = {}
    for ref in refs:
        if spec.parse(ref).names_version == selection.given:
            raise _which(ref, selection)
        if selection.given:
            artifact, note = resolve.artifact(catalog, ref, project)
            found = _select(catalog, artifact, selection)
        else:
            one = resolve.whole(catalog, ref, project)
            found, note = [one.version], one.note
        for version in found:
            _check_protected(catalog, version)
        chosen |= {version.id: version for version in found}
        notes |= {note: None} if note else {}
    return Removal(list(chosen.values()), selection.given, list(notes))


def remove(repository: Repository, removal: Removal, reason: str | None = None) -> list[Version]:
    """Delete what a plan names, as far as it is still live; returns the versions as they were."""
    removed: list[Version] = []

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        there = [catalog.version(version.id) for version in removal.versions]
        removed[:] = [version for version in there if version and version.state == LIVE]
        if removal.by_rule:
            removed[:] = [version for version in removed if not _named(catalog, version)]
        return [make(draft) for version in removed for draft in deletion(catalog, version, reason)]

    repository.commit(plan)
    return removed


def deletion(catalog: Catalog, version: Version, reason: str | None = None, freed: Collection[str] = ()) -> list[Draft]:
    """The facts that send a version to the trash; `freed`: its aliases that other facts beside them take away.

    Each alias goes by a fact of its own, so that undoing the deletion brings it back. Raises `ConflictError`
    (`protected-alias`).
    """
    _check_protected(catalog, version, freed)
    names = [name for name in _named(catalog, version) if name not in freed]
    drafts = [Draft("unalias", {"version": version.id, "alias": name}, reason) for name in names]
    return [*drafts, Draft("delete", {"version": version.id}, reason)]


def restore(repository: Repository, refs: Sequence[str], project: str, reason: str | None = None) -> list[Version]:
    """Bring versions (`name:vN`) back from the trash; returns them. Those that are live already are left alone.

    Raises `NotFoundError` (`no-such-version`, `version-purged`, `no-such-artifact`).
    """
    ids: list[str] = []

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        found = {version.id: version for version in (_deleted(catalog, ref, project) for ref in refs)}
        ids[:] = found
        deleted = [version for version in found.values() if version.state == TRASH]
        return [make(Draft("restore", {"version": version.id}, reason)) for version in deleted]

    repository.commit(plan)
    restored = [repository.catalog.version(id) for id in ids]
    return [version for version in restored if version]


def beyond_keep_last(catalog: Catalog, artifact: Artifact, coming: int = 0) -> list[Version]:
    """The versions that an artifact's `keep_last` sends to the trash, oldest first; none without it.

    They are those without an alias that are not among its newest N live versions, `coming` new ones counted in.
    """
    if not artifact.keep_last:
        return []
    return _select(catalog, artifact, Selection(keep_last=max(0, artifact.keep_last - coming)))


def _select(catalog: Catalog, artifact: Artifact, selection: Selection) -> list[Version]:
    versions = list(catalog.versions(artifact.id))
    spared = {alias.version for alias in catalog.aliases(artifact.id)}
    if selection.keep_last is None:
        spared |= {version.id for version in versions[-1:]}
    else:
        versions = versions[: max(0, len(versions) - selection.keep_last)]
    if selection.before is not None:
        versions = [version for version in versions if PLAUSIBLE_SINCE <= _time(version) < selection.before]
    return [version for version in versions if version.id not in spared]


def _time(version: Version) -> float:
    return moments.seconds(version.time)


def _named(catalog: Catalog, version: Version) -> list[str]:
    return [alias.alias for alias in catalog.aliases(version.artifact) if alias.version == version.id]


def _check_protected(catalog: Catalog, version: Version, freed: Collection[str] = ()) -> None:
    for alias in catalog.aliases(version.artifact):
        if alias.version == version.id and alias.protected and alias.alias not in freed:
            raise aliases.protected(catalog, alias)


def _deleted(catalog: Catalog, ref: str, project: str) -> Version:
    wanted = spec.parse(ref)
    artifact, _ = resolve.artifact(catalog, ref, project)
    number = resolve.version_number(wanted.version or "")
    found = catalog.numbered(artifact.id, number) if number is not None and not wanted.back else None
    if found is None:
        raise NotFoundError(
            "no-such-version",
            f"a deleted version is named as NAME:vN, and {ref!r} is none",
            facts=["in the trash: " + (_trash(catalog, artifact) or "nothing")],
            hint=f"art ls {artifact.name} --deleted",
        )
    if found.state == PURGED:
        raise resolve.purged(found)
    return found


def _trash(catalog: Catalog, artifact: Artifact) -> str:
    return resolve.some([version.ref for version in catalog.versions(artifact.id, (TRASH,))])


def _which(ref: str, selection: Selection) -> UsageError:
    if selection.given:
        return UsageError(
            "which-version",
            f"--keep-last, --older-than and --unaliased select versions of a name, and {ref!r} names one version",
            hint=f"art rm {ref}",
        )
    return UsageError(
        "which-version",
        f"{ref!r} names no version to delete",
        hint=f"art rm {ref} --unaliased --keep-last 5",
    )
