"""Aliases: names that lead to one version of an artifact and move when told to. A protected one must be freed first."""

from __future__ import annotations

from collections.abc import Sequence

from artcli.catalog import resolve, spec
from artcli.catalog.catalog import Alias, Artifact, Catalog, Version
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.repository import Make, Repository
from artcli.errors import ConflictError, NotFoundError, UsageError


def set_aliases(
    repository: Repository, ref: str, aliases: Sequence[str], project: str, reason: str | None = None
) -> Version:
    """Let `aliases` lead to the version of `ref`; those that do already are left alone. Returns the version.

    Raises `ConflictError` (`protected-alias`), `UsageError` (`bad-alias`), `NotFoundError`.
    """
    for alias in aliases:
        spec.check_alias(alias)

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        version = resolve.version(catalog, ref, project).version
        return [make(draft) for draft in moves(catalog, version.artifact, version.id, aliases, reason)]

    repository.commit(plan)
    return resolve.version(repository.catalog, ref, project).version


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
            raise _protected(catalog, current)
        data = {"version": version, "alias": alias, "from": current.version if current else None}
        drafts.append(Draft("alias", data, reason))
    return drafts


def remove_aliases(repository: Repository, refs: Sequence[str], project: str, reason: str | None = None) -> list[str]:
    """Remove the aliases that `refs` (`name:alias`) name; returns them. Raises as `set_aliases`."""

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        made = []
        for ref in refs:
            artifact, alias = named(catalog, ref, project)
            if alias.protected:
                raise _protected(catalog, alias)
            made.append(make(Draft("unalias", {"version": alias.version, "alias": alias.alias}, reason)))
        return made

    repository.commit(plan)
    return list(refs)


def protect(
    repository: Repository, refs: Sequence[str], project: str, on: bool, reason: str | None = None
) -> list[str]:
    """Protect the aliases that `refs` name (or free them, if not `on`), so that they neither move nor vanish."""

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        made = []
        for ref in refs:
            _, alias = named(catalog, ref, project)
            if alias.protected != on:
                data = {"version": alias.version, "alias": alias.alias, "from": alias.protected, "to": on}
                made.append(make(Draft("protect", data, reason)))
        return made

    repository.commit(plan)
    return list(refs)


def named(catalog: Catalog, ref: str, project: str) -> tuple[Artifact, Alias]:
    """The alias that `ref` names; raises `NotFoundError` (`no-such-alias`), `UsageError` (`alias-expected`)."""
    wanted = spec.parse(ref)
    artifact, _ = resolve.artifact(catalog, ref, project)
    if wanted.version is None or spec.RESERVED_ALIAS.fullmatch(wanted.version):
        raise UsageError(
            "alias-expected",
            f"an alias is named as NAME:ALIAS, not {ref!r}",
            hint=f"art alias -l {artifact.name}",
        )
    there = {alias.alias: alias for alias in catalog.aliases(artifact.id)}
    if wanted.version not in there:
        guess = resolve.nearest(wanted.version, there)
        raise NotFoundError(
            "no-such-alias",
            f"no alias '{wanted.version}' in artifact '{artifact.name}'",
            facts=[f"aliases: {', '.join(there) or 'none'}"],
            hint=f"did you mean '{artifact.name}:{guess}'?" if guess else f"art ls {artifact.name}",
        )
    return artifact, there[wanted.version]


def _protected(catalog: Catalog, alias: Alias) -> ConflictError:
    version = catalog.version(alias.version)
    ref = f"{version.name}:{alias.alias}" if version else alias.alias
    where = f" and leads to {version.ref}" if version else ""
    return ConflictError(
        "protected-alias", f"alias '{alias.alias}' is protected{where}", hint=f"art alias --unprotect {ref}"
    )
