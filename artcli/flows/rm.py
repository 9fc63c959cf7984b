"""Deleting versions: to the trash first, from where `restore` brings them back until gc takes their bytes.

A deletion frees the version's aliases, so a protected alias stops it. Selection by rule (all but the last five, older
than a month, without an alias) never touches a version with an alias.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from artcli.catalog import resolve, spec
from artcli.catalog.catalog import Artifact, Catalog, Version
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.fold import PURGED, TRASH
from artcli.catalog.repository import Make, Repository
from artcli.errors import ConflictError, NotFoundError, UsageError


class Selection(NamedTuple):
    """Which versions of the artifacts that are named; a version must meet every rule that is given."""

    keep_last: int | None = None
    """All but the newest N live versions."""
    before: datetime.datetime | None = None
    """Logged before this moment."""
    unaliased: bool = False
    """Without an alias; implied by each of the other rules."""

    @property
    def given(self) -> bool:
        return self.keep_last is not None or self.before is not None or self.unaliased


def plan_rm(catalog: Catalog, refs: Sequence[str], selection: Selection, project: str) -> list[Version]:
    """The versions that `remove` would delete; raises `UsageError` (`which-version`), `ConflictError`, `NotFoundError`."""
    chosen: dict[str, Version] = {}
    for ref in refs:
        wanted = spec.parse(ref)
        names_version = wanted.version is not None or wanted.digest is not None
        if names_version == selection.given:
            raise _which(ref, selection)
        found = (
            [resolve.version(catalog, ref, project).version]
            if names_version
            else _select(catalog, ref, selection, project)
        )
        for version in found:
            _check_protected(catalog, version)
            chosen[version.id] = version
    return list(chosen.values())


def remove(
    repository: Repository, refs: Sequence[str], selection: Selection, project: str, reason: str | None = None
) -> list[Version]:
    """Delete the versions that `plan_rm` names; returns them as they were."""
    removed: list[Version] = []

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        removed[:] = plan_rm(catalog, refs, selection, project)
        made = []
        for version in removed:
            # each alias by a fact of its own, so that undoing the deletion can bring it back
            for alias in catalog.aliases(version.artifact):
                if alias.version == version.id:
                    made.append(make(Draft("unalias", {"version": version.id, "alias": alias.alias}, reason)))
            made.append(make(Draft("delete", {"version": version.id}, reason)))
        return made

    repository.commit(plan)
    return removed


def restore(repository: Repository, refs: Sequence[str], project: str, reason: str | None = None) -> list[Version]:
    """Bring versions (`name:vN`) back from the trash; returns them. Raises `NotFoundError` (`version-purged`, …)."""
    restored: list[Version] = []

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        restored[:] = [_in_trash(catalog, ref, project) for ref in refs]
        deleted = [version for version in restored if version.state == TRASH]
        return [make(Draft("restore", {"version": version.id}, reason)) for version in deleted]

    repository.commit(plan)
    return restored


def _select(catalog: Catalog, ref: str, selection: Selection, project: str) -> list[Version]:
    artifact, _ = resolve.artifact(catalog, ref, project)
    versions = list(catalog.versions(artifact.id))
    aliased = {alias.version for alias in catalog.aliases(artifact.id)}
    if selection.keep_last is not None:
        versions = versions[: max(0, len(versions) - selection.keep_last)]
    if selection.before is not None:
        # RFC 3339 texts in UTC sort as the moments that they name
        moment = selection.before.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        versions = [version for version in versions if version.time < moment]
    latest = catalog.latest(artifact.id)
    spared = aliased | ({latest.id} if latest and selection.keep_last is None else set())
    return [version for version in versions if version.id not in spared]


def _in_trash(catalog: Catalog, ref: str, project: str) -> Version:
    wanted = spec.parse(ref)
    artifact, _ = resolve.artifact(catalog, ref, project)
    number = (wanted.version or "").removeprefix("v")
    found = catalog.numbered(artifact.id, int(number)) if number.isdecimal() and len(number) < 16 else None
    if found is None:
        raise NotFoundError(
            "no-such-version",
            f"a deleted version is named as NAME:vN, not {ref!r}",
            hint=f"art ls {artifact.name} --deleted",
        )
    if found.state == PURGED:
        raise NotFoundError(
            "version-purged", f"{found.ref} was deleted and its bytes are gone", hint=f"art ls {found.name}"
        )
    return found


def _check_protected(catalog: Catalog, version: Version) -> None:
    for alias in catalog.aliases(version.artifact):
        if alias.version == version.id and alias.protected:
            raise ConflictError(
                "protected-alias",
                f"{version.ref} has the protected alias '{alias.alias}'",
                hint=f"art alias --unprotect {version.name}:{alias.alias}",
            )


def _which(ref: str, selection: Selection) -> UsageError:
    if selection.given:
        return UsageError(
            "which-version",
            f"--keep-last, --older-than and --unaliased select versions of a name, and {ref!r} names one version",
        )
    return UsageError(
        "which-version",
        f"{ref!r} names no version to delete",
        hint=f"art rm {ref}:v0   or: art rm {ref} --unaliased --keep-last 5",
    )


def beyond_keep_last(catalog: Catalog, artifact: Artifact, coming: int = 0) -> list[Version]:
    """The live versions that the artifact's `keep_last` no longer keeps, when `coming` new ones are being made.

    The newest N stay, and so does whatever has an alias.
    """
    if artifact.keep_last is None:
        return []
    versions = list(catalog.versions(artifact.id))
    aliased = {alias.version for alias in catalog.aliases(artifact.id)}
    surplus = max(0, len(versions) + coming - max(artifact.keep_last, 1))
    return [version for version in versions[:surplus] if version.id not in aliased]
