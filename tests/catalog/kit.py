"""Versions without the flow that logs them: real manifests in a real store, or facts that only look like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from artcli.catalog import facts, manifest
from artcli.catalog.catalog import Version
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.manifest import FILE, Entry
from artcli.catalog.repository import Repository
from artcli.content import digest_of
from artcli.store.codec import Tuner

PROJECT = "uncategorized"


def version_data(name: str = "model", content: str = "a", project: str = PROJECT, **more: Any) -> dict[str, Any]:
    """The data of a `version` fact whose bytes nobody has."""
    digest = digest_of(content.encode()).hex()
    return {
        "project": project, "name": name, "type": "model", "page": digest, "digest": digest, "entries": 5, "size": 1000,
        "new": {"entries": 2, "size": 400}, "stored": 300, **more,
    }  # fmt: skip


def fact(kind: str, data: Mapping[str, Any], **more: Any) -> Fact:
    return facts.make(Draft(kind, data, **more), "tester", "here")


def init(directory: Path) -> Repository:
    return Repository.init(directory)[0]


def add_facts(repository: Repository, *drafts: Draft) -> list[Fact]:
    """Commit these drafts as one entry."""
    return repository.commit(lambda catalog, make: [make(draft) for draft in drafts])


def add_version(repository: Repository, name: str = "model", content: str = "a", **more: Any) -> Version:
    """A version of which only the fact exists."""
    (made,) = add_facts(repository, Draft("version", version_data(name, content, **more)))
    found = repository.catalog.version(made.id)
    assert found
    return found


def log_files(
    repository: Repository, name: str, files: Mapping[str, bytes], *, aliases: Sequence[str] = (), **more: Any
) -> Version:
    """A version with these files, as `log-artifact` would make it."""
    store = repository.store
    with repository.writing(), store.writer() as writer:
        entries, new, new_size = [], 0, 0
        for path, data in sorted((path.encode(), data) for path, data in files.items()):
            digest = digest_of(data)
            entry = Entry(path, FILE, len(data), digest, data if len(data) <= manifest.INLINE else None)
            if entry.data is None and (frame := writer.encode(digest, data, Tuner())):
                writer.add(frame)
                new, new_size = new + 1, new_size + len(data)
            entries.append(entry)
        root = manifest.build(writer, entries)
        flushed = writer.flush()
        data = {
            "project": PROJECT, "name": name, "type": "dataset", "page": root.page.hex(), "digest": root.content.hex(),
            "entries": root.entries, "size": root.size, "new": {"entries": new, "size": new_size},
            "stored": flushed.stored, **more,
        }  # fmt: skip
        made = repository.commit(
            lambda catalog, make: _with_aliases(make(Draft("version", data)), make, flushed, aliases)
        )
    found = repository.catalog.version(made[1].id)
    assert found
    return found


def _with_aliases(version: Fact, make: Any, flushed: Any, aliases: Sequence[str]) -> list[Fact]:
    index = make(Draft("index", {"add": flushed.add, "remove": flushed.remove}))
    moved = [make(Draft("alias", {"version": version.id, "alias": alias, "from": None})) for alias in aliases]
    return [index, version, *moved]
