"""What holds of a repository whatever has happened to it: asked from outside, with the program's own words for nothing
but reading.

    the log is a chain without holes, and its fold is what the cached catalogue says
    every live index is there and whole, every pack that it names is there and whole
    every version that is live or in the trash has all its bytes, and every long text that is needed is there
"""

from __future__ import annotations

from pathlib import Path

from artcli.catalog.afresh import fold_afresh
from artcli.catalog.catalog import Catalog, Version
from artcli.catalog.fold import LIVE, TRASH
from artcli.catalog.log import GENESIS, Log
from artcli.catalog.repository import Repository
from artcli.errors import IntegrityError, NetworkError
from artcli.flows.fsck import Examination, Level, Options
from artcli.store.pack import damages
from tests.kit import trees
from tests.kit.trees import Leaf

TABLES = (
    "heads", "facts", "artifacts", "names", "versions", "aliases", "tags", "texts", "indexes", "condemned", "required",
)  # fmt: skip

SHARED_FACTS = """
    SELECT id, kind, artifact, version, run, applied, undoes, undone_by, fault, line FROM facts
    WHERE kind NOT IN ('index', 'condemn') ORDER BY seq
"""
"""Where there are two logs: those of a place stand among the others as they happened to be read."""


def check(art: Path) -> dict[str, dict[str, Leaf]]:
    """Check the repository `art`, by `fsck` too; returns what its live versions hold, by `name:vN`."""
    findings = list(Examination(art, Options(Level.FULL)).run())
    assert not findings, findings
    repository = Repository(art)
    try:
        return check_open(repository)
    finally:
        repository.close()


def check_open(repository: Repository) -> dict[str, dict[str, Leaf]]:
    """The same for a repository that is open. What it knows of an authority may be there and not here."""
    _check_catalogue(repository)
    _check_store(repository)
    held = {}
    for version in repository.catalog.versions(states=(LIVE, TRASH)):
        try:
            content = trees.content(repository.store, version)
        except (IntegrityError, NetworkError) as error:
            is_open = repository.opened.is_open(version.root.page)
            if error.slug not in ("missing-chunk", "bytes-elsewhere") or (_is_own(repository, version) and not is_open):
                raise
            continue
        assert len(content) == version.entries, version.ref
        if version.state == LIVE:
            held[version.ref] = content
    for text in repository.catalog.texts():
        if repository.follower.authority is None:
            repository.store.get(text.digest).decode()
    return held


def _is_own(repository: Repository, version: Version) -> bool:
    """Whether the repository's own log tells of it, so that all of it must be here."""
    entries = repository.log.after(-1, GENESIS)
    return any(fact.id == version.id for entry in entries for fact in entry.facts)


def _check_catalogue(repository: Repository) -> None:
    # not through the repository's bucket: that may be one that fails
    afresh = fold_afresh(Log(repository.bucket, repository.place), repository.follower.authority).database
    cached = repository.follower.database
    for table in TABLES:
        question = f"SELECT * FROM {table} ORDER BY 1, 2" if table != "indexes" else f"SELECT * FROM {table} ORDER BY 1"
        if table == "facts" and repository.follower.authority is not None:
            question = SHARED_FACTS
        rows = [list(database.execute(question)) for database in (afresh, cached)]
        assert rows[0] == rows[1], f"the cached table {table} is not what the log says"
    afresh.close()
    assert not Catalog(cached).faults()


def _check_store(repository: Repository) -> None:
    store = repository.store
    assert store.damaged == []
    checked = set()
    for index in store.indexes:
        index.verify()
        for pack in set(index.packs) - checked:
            checked.add(pack)
            assert list(damages(repository.bucket, pack)) == []
        for row in index.rows():
            assert store.find(row.digest) is not None


def versions(repository: Repository, name: str, project: str = "uncategorized") -> list[Version]:
    """The live versions of an artifact, oldest first; none if there is no such artifact."""
    artifact = repository.catalog.artifact(project, name)
    return list(repository.catalog.versions(artifact.id)) if artifact else []


def dust(art: Path) -> list[str]:
    """Names of temporary files that are left in the repository."""
    return [path.name for path in (art / "tmp").iterdir() if path.name != "add.lock"]


def packs(art: Path) -> set[bytes]:
    """The packs that live indexes name."""
    repository = Repository(art)
    try:
        return {pack for index in repository.store.indexes for pack in index.packs}
    finally:
        repository.close()
