"""`LoggedArtifact`: a version that is there, as `use_artifact`, `log_artifact` and `Api` give it.

What the log says of it is read once, when it is found; aliases, tags, description, metadata and ttl may be set, and
`save` puts what was set into the log. Its bytes are read, and verified, when they are asked for.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from artcli.catalog import manifest
from artcli.catalog.catalog import Version
from artcli.catalog.repository import Repository
from artcli.catalog.runs.register import Register
from artcli.flows import alias, edit, part, rm, tag, texts, use, verify
from artcli.flows.references import bring
from artcli.flows.verify import Difference
from artcli.sdk import place
from artcli.sdk.draft import OURS, TTL, Artifact, checked, checked_ttl
from artcli.sdk.entries import ArtifactEntry, Manifest, clean
from artcli.sdk.voice import say

if TYPE_CHECKING:
    from artcli.sdk.recorded import RunRecord


class LoggedArtifact:
    """A version of an artifact."""

    def __init__(self, path: Path, version: Version) -> None:
        """`path`: the `.art` folder of its repository."""
        self._path = path
        self._take(version)

    def _take(self, version: Version) -> None:
        repository = place.repository(self._path)
        self._version = version
        self._description = texts.read(repository, version.description)
        self._metadata = {key: value for key, value in version.metadata.items() if not key.startswith(OURS)}
        self._aliases = repository.catalog.aliases_of(version)
        self._tags = repository.catalog.tags_of(version)
        seconds = version.metadata.get(TTL)
        self._ttl = datetime.timedelta(seconds=seconds) if isinstance(seconds, int | float) else None

    # --- what is said of it ---

    @property
    def id(self) -> str:
        """The id of the fact that made it."""
        return self._version.id

    @property
    def name(self) -> str:
        """`name:vN`."""
        return self._version.ref

    @property
    def version(self) -> str:
        """`vN`."""
        return f"v{self._version.number}"

    @property
    def entity(self) -> str:
        """Nobody owns what is on this machine; references are found with an entity or without."""
        return ""

    @property
    def project(self) -> str:
        return self._version.project

    @property
    def qualified_name(self) -> str:
        """`project/name:vN`."""
        return f"{self.project}/{self.name}"

    @property
    def type(self) -> str:
        return self._version.type

    @property
    def digest(self) -> str:
        return self._version.digest

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return self._version.size

    @property
    def file_count(self) -> int:
        return self._version.entries

    @property
    def created_at(self) -> str:
        """When it was logged, by the clock of the machine that did."""
        return self._version.time

    @property
    def state(self) -> str:
        return "COMMITTED" if self._version.state == "live" else "DELETED"

    source_name, source_version, source_project = name, version, project
    source_qualified_name, source_entity = qualified_name, entity

    def is_draft(self) -> bool:
        return False

    @property
    def description(self) -> str | None:
        return self._description

    @description.setter
    def description(self, description: str | None) -> None:
        self._description = description

    @property
    def metadata(self) -> dict[str, Any]:
        return self._metadata

    @metadata.setter
    def metadata(self, metadata: Mapping[str, Any] | None) -> None:
        self._metadata = checked(metadata)

    @property
    def aliases(self) -> list[str]:
        """Its aliases, with `latest` where it is that."""
        return self._aliases

    @aliases.setter
    def aliases(self, aliases: Sequence[str]) -> None:
        self._aliases = list(aliases)

    @property
    def tags(self) -> list[str]:
        return self._tags

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._tags = list(tags)

    @property
    def ttl(self) -> datetime.timedelta | None:
        """How long it is needed: said of it for those who clean up, nothing is deleted by itself."""
        return self._ttl

    @ttl.setter
    def ttl(self, ttl: datetime.timedelta | None) -> None:
        self._ttl = checked_ttl(ttl)

    def save(self) -> None:
        """Put what was set into the log; raises `ConflictError` (`protected-alias`), `UsageError` (`bad-alias`, …)."""
        repository, ref, project = self._fresh(), self.name, self.project
        new = checked(self._metadata)
        if self._ttl is not None:
            new[TTL] = self._ttl.total_seconds()
        gone = [key for key in self._version.metadata if key not in new and (key == TTL or not key.startswith(OURS))]
        edits = edit.Edits(description=self._description or "", set=new, unset=gone)
        edit.edit(repository, ref, edits, project)
        there = [name for name in repository.catalog.aliases_of(self._version) if name != "latest"]
        wanted = [name for name in self._aliases if name != "latest"]
        alias.set_aliases(repository, ref, wanted, project)
        alias.remove_aliases(
            repository, [f"{self._version.name}:{name}" for name in there if name not in wanted], project
        )
        tagged = repository.catalog.tags_of(self._version)
        tag.set_tags(repository, ref, self._tags, project)
        tag.set_tags(repository, ref, [name for name in tagged if name not in self._tags], project, remove=True)
        self._take(repository.catalog.version(self.id) or self._version)

    def wait(self, timeout: float | None = None) -> LoggedArtifact:
        """Itself: it was there before `log_artifact` returned."""
        return self

    def new_draft(self) -> Artifact:
        """A draft that begins with what this version holds."""
        draft = Artifact(self._version.name, self.type, self._description, self._metadata)
        draft._base = self._path, self.qualified_name, self._version.root
        return draft

    # --- what it holds ---

    @property
    def manifest(self) -> Manifest:
        return Manifest(self._find, self._walk, self._version.entries)

    def files(self, names: Sequence[str] | None = None, per_page: int = 50) -> list[ArtifactEntry]:
        """Its files, or those of these paths."""
        if names is not None:
            return [entry for entry in map(self._find, names) if entry is not None]
        return list(self._walk())

    def get_entry(self, name: str | os.PathLike[str]) -> ArtifactEntry:
        """The entry at a path; raises KeyError."""
        return self.manifest[os.fspath(name)]

    get_path = get_entry

    def get(self, name: str) -> Any:
        """What `add` put in under a name, a picture or a table; None if there is nothing by it."""
        from artcli.sdk.media import Image
        from artcli.sdk.table import Table

        def read(path: str) -> bytes:
            with self.open(path) as file:
                return bytes(file.read())

        kind: type[Image] | type[Table]
        for kind in (Table, Image):
            suffix = f".{kind.SUFFIX}.json"
            entry = self._find(name if name.endswith(suffix) else name + suffix)
            if entry is not None:
                return kind.from_kept(json.loads(read(entry.path)), read)
        return None

    def open(self, path: str | os.PathLike[str], mode: str = "rb", encoding: str | None = None) -> IO[Any]:
        """A file of it to read from, anywhere in it, without writing it to the disk; `mode`: rb or r.

        Raises `NotFoundError` (`no-such-path`), `UsageError` (`which-file`), ValueError for another mode.
        """
        from artcli.sdk.reading import opened

        if mode not in ("rb", "r", "rt"):
            raise ValueError(f"files of a version are read, not opened as {mode!r}")
        repository = self._fresh()
        return opened(repository, part.file(repository.store, self._version, clean(path)), mode, encoding)

    def download(
        self, root: str | os.PathLike[str] | None = None, allow_missing_references: bool = False,
        skip_cache: bool | None = None, path_prefix: str | os.PathLike[str] | None = None,
        multipart: bool | None = None,
    ) -> str:  # fmt: skip
        """Bring its files to `root`, by default `./artifacts/<name>:vN`; returns that path.

        What is there already is not written again; other files there are left alone. `path_prefix`: only files whose
        path begins so. References are fetched from where they are; `allow_missing_references`: those that cannot be
        are left out. Raises as `art use`.
        """
        return self._bring(root, path_prefix, exact=False, lenient=allow_missing_references)

    def checkout(self, root: str | os.PathLike[str] | None = None) -> str:
        """Make `root`, by default `./artifacts/<name>`, hold its files and no others; returns that path.

        Files of the user's that nothing holds are moved to `.art/local/rescued/` first.
        """
        return self._bring(root or _folder() / self._version.name, None, exact=True)

    def file(self, root: str | os.PathLike[str] | None = None) -> str:
        """Bring its only file; returns where it is. Raises ValueError if there are several."""
        first = self.files() if self.file_count == 1 else []
        if not first:
            raise ValueError(f"{self.name} has {self.file_count} files; download() brings them")
        return first[0].download(root)

    def verify(self, root: str | os.PathLike[str] | None = None) -> None:
        """Compare each byte of a directory, by default that of `download`, with it.

        Raises ValueError where files differ, are missing, or do not belong to it; empty folders are no matter.
        """
        directory = Path(root if root is not None else self._root()).absolute()
        if not directory.is_dir():
            raise ValueError(f"no directory to compare with {self.name}: {directory}")
        check = verify.Check(self._fresh(), str(directory), self.project, directory.parent, against=self.qualified_name)
        extra = None
        for found in check.differences():
            if found.state != "extra":
                raise self._is_not(found)
            path = os.path.join(os.fsencode(directory), found.path)
            if os.path.islink(path) or not os.path.isdir(path):
                extra = extra or found
        if extra is not None:
            raise self._is_not(extra)

    def _is_not(self, found: Difference) -> ValueError:
        reason = f": {found.reason}" if found.reason else ""
        return ValueError(f"{os.fsdecode(found.path)!r} is not as {self.name} has it, but {found.state}{reason}")

    def _bring(self, root: Any, prefix: Any, *, exact: bool, lenient: bool = False) -> str:
        given = os.fspath(root) if root is not None else str(self._root())
        only = []
        if prefix:
            begins = os.fspath(prefix).strip("/")
            escaped = "".join(f"[{c}]" if c in "*?[" else c for c in begins)
            only = [escaped + "*"]
        request = use.Request(
            self.qualified_name, self.project, Path.cwd(), root=Path(given).absolute(), only=only, exact=exact
        )
        used = use.use(place.repository(self._path), request)
        for missing in used.unbrought[:10]:
            say(f"not brought: {os.fsdecode(missing.path)}: {missing.error.message}")
        failed = bring.failure(used.unbrought)
        if failed is not None and not (lenient or bring.is_partial(used.unbrought)):
            raise failed
        for rescued in used.plan.rescue[:10]:
            say(f"moved aside to .art/local/rescued: {os.fsdecode(rescued)}")
        return given

    def _root(self) -> Path:
        return _folder() / self.name

    # --- where it comes from, where it went ---

    def logged_by(self) -> RunRecord | None:
        """The run that logged it first; None if none did."""
        found = Register(self._fresh().follower.database).producers(self.id)
        return self._runs(found[:1])[0] if found else None

    def used_by(self) -> list[RunRecord]:
        """The runs that used it, oldest first."""
        return self._runs(Register(self._fresh().follower.database).users(self.id))

    def _runs(self, found: Sequence[Any]) -> list[RunRecord]:
        from artcli.sdk.recorded import RunRecord

        return [RunRecord(self._path, run.id) for run in found]

    def delete(self, delete_aliases: bool = False) -> None:
        """Send it to the trash, from where `art restore` brings it back.

        Raises ValueError if aliases lead to it, unless `delete_aliases`; `ConflictError` (`protected-alias`).
        """
        repository = self._fresh()
        names = [name for name in repository.catalog.aliases_of(self._version) if name != "latest"]
        if names and not delete_aliases:
            raise ValueError(f"aliases lead to {self.name}: {', '.join(names)}; delete_aliases=True deletes it anyway")
        plan = rm.plan_rm(repository.catalog, [self.qualified_name], rm.Selection(), self.project)
        rm.remove(repository, plan)
        self._take(repository.catalog.version(self.id) or self._version)

    # --- within ---

    def _fresh(self) -> Repository:
        return place.fresh(self._path)

    def _find(self, path: str) -> ArtifactEntry | None:
        entry = manifest.find(self._fresh().store, self._version.root, clean(path))
        return ArtifactEntry(entry, self) if entry is not None else None

    def _walk(self) -> Iterator[ArtifactEntry]:
        for entry in manifest.entries(self._fresh().store, self._version.root):
            if entry.kind != manifest.DIRECTORY:
                yield ArtifactEntry(entry, self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LoggedArtifact) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Artifact {self.qualified_name} {self.type}>"


Artifact.register(LoggedArtifact)


def _folder() -> Path:
    """Where artifacts are downloaded to."""
    return Path(os.environ.get("ART_ARTIFACT_DIR") or os.environ.get("WANDB_ARTIFACT_DIR") or use.ARTIFACTS).absolute()
