"""What a run used and what it logged: facts in the log, so that they outlive the run's machine.

A fact that the log has already is not said again, so a loop that uses the same version a thousand times says it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from artcli.catalog import resolve
from artcli.catalog.catalog import Catalog, Version
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.repository import Make, Repository
from artcli.catalog.runs.register import Register

Drafts = Callable[[Catalog], list[Draft]]


def use(repository: Repository, run: str, versions: Iterable[Version], role: str | None = None) -> None:
    """Record that the run used the versions."""
    wanted = list(versions)
    _commit(repository, lambda catalog: inputs(catalog, run, wanted, role))


def use_uri(repository: Repository, run: str, uri: str, role: str | None = None) -> None:
    """Record that the run used something that lies elsewhere."""
    from artcli.flows.runs import mask  # its patterns take 5 ms, and most runs use versions alone

    uri = mask.text(uri)

    def drafts(catalog: Catalog) -> list[Draft]:
        there = {(item.uri, item.role) for item in Register(catalog.database).inputs(run)}
        return [] if (uri, role) in there else [_input({"run": run, "uri": uri}, role)]

    _commit(repository, drafts)


def inputs(catalog: Catalog, run: str, versions: Iterable[Version], role: str | None = None) -> list[Draft]:
    """What is to be said of versions that the run used."""
    there = {(item.version, item.role) for item in Register(catalog.database).inputs(run)}
    drafts = []
    for version in versions:
        if (version.id, role) not in there:
            there.add((version.id, role))
            drafts.append(_input({"run": run, "version": version.id, "digest": version.digest}, role))
    return drafts


def output(catalog: Catalog, run: str | None, version: str, digest: str) -> list[Draft]:
    """What is to be said of a version that the run logged; nothing without a run."""
    if run is None or any(item.version == version for item in Register(catalog.database).outputs(run)):
        return []
    return [Draft("output", {"run": run, "version": version, "digest": digest})]


def named(catalog: Catalog, refs: Sequence[str], project: str) -> list[Version]:
    """The versions that references name, whatever paths in them."""
    return [resolve.version(catalog, ref, project).version for ref in refs]


def _input(data: dict[str, str], role: str | None) -> Draft:
    return Draft("input", {**data, "role": role} if role else data)


def _commit(repository: Repository, drafts: Drafts) -> None:
    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        return [make(draft) for draft in drafts(catalog)]

    repository.commit(plan)
