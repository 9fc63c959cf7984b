"""Aliases: names that lead to one version of an artifact and move when told to. A protected one must be freed first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from artcli.catalog import resolve, spec
from artcli.catalog.catalog import Alias, Artifact, Catalog, Version
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.repository import Make, Repository
from artcli.catalog.resolve import Resolved
from artcli.errors import ConflictError, UsageError


class Named(NamedTuple):
    """An alias and where it leads."""

    artifact: Artifact
    alias: Alias
    version: Version
    note: str | None = None
    """What the user should hear about the name."""


def set_aliases(
    repository: Repository, ref: str, aliases: Sequence[str], project: str, reason: str | None = None
) -> Resolved:
    """Let `aliases` lead to the version of `ref`; those that do already are left alone. Returns the version.

    Raises `ConflictError` (`protected-alias`), `UsageError` (`bad-alias`), `NotFoundError`.
    """
    for alias in aliases:
        spec.check_alias(alias)
    found: list[Resolved] = []

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        found[:] = [resolve.whole(catalog, ref, project)]
        version = found[0].version
        return [make(draft) for draft in moves(catalog, version.artifact, version.id, aliases, reason)]

    repository.commit(plan)
    return found[0]


def moves(
    catalog: Catalog, artifact: int, version: str, aliases: Sequence[str], reason: str | None = None
) -> list[Draft]:
    """The facts that let `aliases` lead to `version`; raises `ConflictError` (`protected-alias`)."""
    there = {alias.alias: alias for alias in catalog.aliases(artifact)}
    drafts = []
    for alias in dict.fromkeys(aliases):
        current = there.get(alias)
        if current and current.version == version:
            continue
        if current and current.protected:
            raise protected(catalog, current)
        data = {"version": version, "alias": alias, "from": current.version if current else None}
        drafts.append(Draft("alias", data, reason))
    return drafts


def remove_aliases(repository: Repository, refs: Sequence[str], project: str, reason: str | None = None) -> list[Named]:
    """Remove the aliases that `refs` (`name:alias`) name; returns them as they were. Raises as `set_aliases`."""
    removed: list[Named] = []

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        removed[:] = _all_named(catalog, refs, project)
        for found in removed:
            if found.alias.protected:
                raise protected(catalog, found.alias)
        pairs = [{"version": found.alias.version, "alias": found.alias.alias} for found in removed]
        return [make(Draft("unalias", data, reason)) for data in pairs]

    repository.commit(plan)
    return removed


def protect(
    repository: Repository, refs: Sequence[str], project: str, on: bool, reason: str | None = None
) -> list[Named]:
    """Protect the aliases that `refs` name (or free them, if not `on`), so that they neither move nor vanish."""
    found: list[Named] = []

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        found[:] = _all_named(catalog, refs, project)
        changed = [item.alias for item in found if item.alias.protected != on]
        return [
            make(Draft("protect", {"version": alias.version, "alias": alias.alias, "from": not on, "to": on}, reason))
            for alias in changed
        ]

    repository.commit(plan)
    return [item._replace(alias=item.alias._replace(protected=on)) for item in found]


def list_aliases(catalog: Catalog, name: str | None, project: str) -> list[Named]:
    """The aliases of an artifact, or of all of a project, with `latest`."""
    note = None
    if name is None:
        artifacts = catalog.artifacts(project)
    else:
        artifact, note = resolve.artifact(catalog, name, project)
        artifacts = [artifact]
    found = []
    for artifact in artifacts:
        latest = catalog.latest(artifact.id)
        if latest:
            found.append(Named(artifact, Alias("latest", latest.id, False, latest.time), latest, note))
        for alias in catalog.aliases(artifact.id):
            version = catalog.version(alias.version)
            if version:
                found.append(Named(artifact, alias, version, note))
    return found


def named(catalog: Catalog, ref: str, project: str) -> Named:
    """The alias that `ref` names; raises `NotFoundError` (`no-such-alias`), `UsageError` (`alias-expected`)."""
    wanted = spec.parse(ref)
    reserved = wanted.version is not None and spec.RESERVED_ALIAS.fullmatch(wanted.version)
    if wanted.version is None or wanted.back or wanted.path or reserved:
        computed = f"; '{wanted.version}' is computed" if reserved else ""
        raise UsageError(
            "alias-expected",
            f"an alias is named as NAME:ALIAS, not {ref!r}{computed}",
            hint=f"art alias -l {wanted.name}",
        )
    artifact, note = resolve.artifact(catalog, ref, project)
    there = {alias.alias: alias for alias in catalog.aliases(artifact.id)}
    version = catalog.aliased(artifact.id, wanted.version)
    if version is None:
        message = f"no alias '{wanted.version}' in artifact '{artifact.name}'"
        raise resolve.missing(catalog, artifact, "no-such-alias", message, wanted.version)
    return Named(artifact, there[wanted.version], version, note)


def protected(catalog: Catalog, alias: Alias) -> ConflictError:
    """The error for a change that a protected alias forbids."""
    version = catalog.version(alias.version)
    ref = f"{version.name}:{alias.alias}" if version else alias.alias
    where = f" and leads to {version.ref}" if version else ""
    return ConflictError(
        "protected-alias", f"alias '{alias.alias}' is protected{where}", hint=f"art alias --unprotect {ref}"
    )


def _all_named(catalog: Catalog, refs: Sequence[str], project: str) -> list[Named]:
    found = {(item.artifact.id, item.alias.alias): item for item in (named(catalog, ref, project) for ref in refs)}
    return list(found.values())
