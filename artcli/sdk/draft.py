"""`Artifact`: a version in the making, as a program puts it together and a run logs it.

    draft = artcli.Artifact("digits", type="dataset", metadata={"source": "…"})
    draft.add_dir("images"); draft.add_file("labels.csv")
    with draft.new_file("notes.txt") as file: file.write("…")
    run.log_artifact(draft)

What is added is in the store when the call returns (`flows.drafting`). Once logged, a draft takes nothing more, and
answers for the version that it became.
"""

from __future__ import annotations

import abc
import datetime
import math
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from artcli.catalog import spec
from artcli.catalog.manifest import Entry, Root, shown
from artcli.errors import NotFoundError, UsageError
from artcli.flows.drafting import Drafting
from artcli.flows.references import add
from artcli.sdk import place
from artcli.sdk.entries import ArtifactEntry, Manifest, clean
from artcli.sdk.values import Media, plain
from artcli.sdk.voice import warn

if TYPE_CHECKING:
    from artcli.sdk.artifact import LoggedArtifact

TTL = "art.ttl"
"""The key of the metadata that holds seconds to live."""
OURS = "art."
"""Keys of the metadata that begin so are not the program's."""
BLOCK = 1 << 20


class Artifact(metaclass=abc.ABCMeta):  # noqa: B024  # for `register` alone
    """A draft; a version that is there (`sdk.artifact`) is an instance, too, for programs that ask.

    Raises ValueError for a name or a type that no artifact has, TypeError for metadata that is none."""

    def __init__(
        self, name: str, type: str, description: str | None = None, metadata: Mapping[str, Any] | None = None,
        incremental: bool = False, use_as: str | None = None,
    ) -> None:  # fmt: skip
        if not spec.NAME.fullmatch(name) or name in (".", ".."):
            raise ValueError(f"an artifact's name has letters, digits, dashes, underscores and dots: {name!r}")
        spec.check_type(type)
        self._name, self._type = name, type
        self._description = description
        self._metadata = checked(metadata)
        self._ttl: datetime.timedelta | None = None
        self._aliases: list[str] = []
        self._tags: list[str] = []
        self._base: tuple[Path, str, Root] | None = None
        """Where, of which version and with which manifest it begins."""
        if incremental:
            self._begin_from_newest()
        self._beginning = threading.Lock()
        self._drafting: Drafting | None = None
        self._record: LoggedArtifact | None = None

    # --- what is said of it ---

    @property
    def name(self) -> str:
        """Its name; of one that is logged `name:vN`."""
        return self._record.name if self._record else self._name

    @property
    def type(self) -> str:
        return self._type

    @property
    def description(self) -> str | None:
        return self._record.description if self._record else self._description

    @description.setter
    def description(self, description: str | None) -> None:
        if self._record is not None:
            self._record.description = description
        self._description = description

    @property
    def metadata(self) -> dict[str, Any]:
        return self._record.metadata if self._record else self._metadata

    @metadata.setter
    def metadata(self, metadata: Mapping[str, Any] | None) -> None:
        self._metadata = checked(metadata)
        if self._record is not None:
            self._record.metadata = self._metadata

    @property
    def aliases(self) -> list[str]:
        """Further aliases that it is to get."""
        return self._record.aliases if self._record else self._aliases

    @aliases.setter
    def aliases(self, aliases: Sequence[str]) -> None:
        self._aliases = list(aliases)
        if self._record is not None:
            self._record.aliases = self._aliases

    @property
    def tags(self) -> list[str]:
        return self._record.tags if self._record else self._tags

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._tags = list(tags)
        if self._record is not None:
            self._record.tags = self._tags

    @property
    def ttl(self) -> datetime.timedelta | None:
        """How long the version is needed: said of it for those who clean up, nothing is deleted by itself."""
        return self._ttl

    @ttl.setter
    def ttl(self, ttl: datetime.timedelta | None) -> None:
        self._ttl = checked_ttl(ttl)

    @property
    def digest(self) -> str:
        """What names its content: the same for the same paths and bytes."""
        return self._record.digest if self._record else self._draft().root().content.hex()

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return self._record.size if self._record else self._draft().root().size

    @property
    def file_count(self) -> int:
        return self._record.file_count if self._record else self._draft().root().entries

    @property
    def state(self) -> str:
        """`PENDING`, or `COMMITTED` once it is logged."""
        return "COMMITTED" if self._record else "PENDING"

    def is_draft(self) -> bool:
        return self._record is None

    @property
    def manifest(self) -> Manifest:
        if self._record is not None:
            return self._record.manifest
        draft = self._draft()

        def find(path: str) -> ArtifactEntry | None:
            entry = draft.find(clean(path))
            return ArtifactEntry(entry) if entry else None

        return Manifest(find, lambda: map(ArtifactEntry, draft.entries()), draft.root().entries)

    def files(self, names: Sequence[str] | None = None) -> list[ArtifactEntry]:
        """Its files, or those of these paths."""
        return [entry for entry in self.manifest.values() if names is None or entry.path in names]

    def get_entry(self, name: str | os.PathLike[str]) -> ArtifactEntry:
        """The entry at a path; raises KeyError."""
        return self.manifest[os.fspath(name)]

    get_path = get_entry

    # --- adding ---

    def add_file(
        self, local_path: str | os.PathLike[str], name: str | os.PathLike[str] | None = None,
        is_tmp: bool | None = False, skip_cache: bool | None = False, policy: str | None = "mutable",
        overwrite: bool = False,
    ) -> ArtifactEntry:  # fmt: skip
        """Add a file under `name`, its own by default. `is_tmp`: its digest takes the place of its name's stem.

        Raises ValueError for what is no file, or a path that has another content (unless `overwrite`).
        """
        path = Path(local_path)
        if not path.is_file():
            raise ValueError(f"not a file: {os.fspath(local_path)!r}")
        _check_policy(policy)
        target = clean(name or path.name)
        draft = self._draft()
        entry = draft.read_file(target, os.fsencode(path.absolute()))
        if is_tmp:
            folder, slash, file = target.rpartition(b"/")
            stem = entry.digest.hex()[:20].encode()
            entry = entry._replace(path=folder + slash + b".".join([stem, *file.split(b".")[1:]]))
        return ArtifactEntry(draft.put(entry, None if overwrite else _same))

    def add_dir(
        self, local_path: str | os.PathLike[str], name: str | None = None, skip_cache: bool | None = False,
        policy: str | None = "mutable", merge: bool = False,
    ) -> None:  # fmt: skip
        """Add what lies in a directory, at the top or below `name`; all of it, or nothing if it fails.

        Raises ValueError for what is no directory, or a path that has another content (unless `merge`).
        """
        if not os.path.isdir(local_path):
            raise ValueError(f"not a directory: {os.fspath(local_path)!r}")
        _check_policy(policy)
        draft = self._draft()
        top = clean(name) if name and name.strip("/.") else b""
        draft.add_directory(top, Path(local_path), None if merge else _same)
        for paths, what in (
            (draft.leading_out, "symbolic links lead out of the directory, and are kept as links without the files"),
            (draft.left_out, "special files have no bytes to keep, and are left out"),
        ):
            if paths:
                warn(f"{len(paths)} {what}: {', '.join(paths[:5])}{', …' if paths[5:] else ''}")
                paths.clear()

    @contextmanager
    def new_file(
        self, name: str | os.PathLike[str], mode: str = "x", encoding: str | None = None, policy: str | None = "mutable"
    ) -> Iterator[IO[Any]]:
        """A file to write to, which is added when the block ends; if that fails, nothing is.

        It may also be written, and replaced, by its `name`, a path with the suffix of the artifact's.
        `mode`: x (the path must be free) or w (it is replaced), perhaps with b. Raises ValueError.
        """
        if mode.replace("t", "") not in ("x", "w", "xb", "wb", "x+", "w+", "xb+", "wb+", "x+b", "w+b"):
            raise ValueError(f"a new file is opened to be written, not as {mode!r}")
        _check_policy(policy)
        target, draft = clean(name), self._draft()
        if "x" in mode and draft.find(target) is not None:
            raise ValueError(f"there is a file {os.fspath(name)!r} already")
        binary = "b" in mode
        text = encoding or (None if binary else "utf-8")
        suffix = os.path.splitext(os.fsdecode(target))[1]  # libraries go by it
        descriptor, path = tempfile.mkstemp(suffix, dir=draft.repository.path / "tmp")
        os.close(descriptor)
        try:
            with open(path, "w+b" if binary else "w+", encoding=text) as file:
                yield file
            draft.add_stream(target, _read(path))
        finally:
            os.unlink(path)

    def add_reference(
        self, uri: str | ArtifactEntry, name: str | os.PathLike[str] | None = None, checksum: bool = True,
        max_objects: int | None = None,
    ) -> Sequence[ArtifactEntry]:  # fmt: skip
        """Add what lies elsewhere by its address: the bytes stay there, and are fetched by whoever uses the version.

        A directory (`file://`) or a prefix of a bucket (`s3://`, `gs://`, `az://`) becomes one entry for each file
        below it, `max_objects` (10,000,000) at most. Etag, size, version and time are kept, of a file the digest of
        its bytes, so that a change shows. Without `checksum` one entry keeps the address alone, and nobody is asked;
        so it is for a scheme that is not known here. A file of another artifact is taken over as it is, which stores
        nothing.

        Raises ValueError for what is no URI, is not there or is too much, and `CommError` if its source does not
        answer.
        """
        target = clean(name) if name is not None else None
        address = uri.ref_url() if isinstance(uri, ArtifactEntry) else str(uri)
        draft = self._draft()
        project = place.project(draft.repository.path)
        if address.startswith(spec.SCHEME):
            return [ArtifactEntry(entry) for entry in draft.add_version(address, project, target)]
        try:
            found = list(add.entries(address, target, checksum=checksum, most=max_objects))
            return [ArtifactEntry(draft.put(entry)) for entry in found]
        except (UsageError, NotFoundError) as error:
            if error.slug in ("bad-uri", "too-many-objects", "no-such-source"):
                raise ValueError(error.message) from error
            raise

    def add(self, obj: Any, name: str | os.PathLike[str], overwrite: bool = False) -> ArtifactEntry:
        """Add an object that can be logged, an image for one, as a file of JSON with the files that it needs.

        Raises TypeError for another object.
        """
        import json

        write = getattr(obj, "keep_in", None)
        if not isinstance(obj, Media) or write is None:
            raise TypeError(f"{type(obj).__name__} cannot be added to an artifact; add_file takes files")
        target = f"{os.fspath(name)}.{obj.SUFFIX}.json" if hasattr(obj, "SUFFIX") else os.fspath(name)
        value = write(self)
        with self.new_file(target, mode="w" if overwrite else "x") as file:
            json.dump(value, file, sort_keys=True)
        return self.get_entry(target)

    def remove(self, item: str | os.PathLike[str] | ArtifactEntry) -> None:
        """Take out a file, or all of a folder; raises FileNotFoundError if there is none."""
        path = item.path if isinstance(item, ArtifactEntry) else os.fspath(item)
        if not self._draft().remove(clean(path)):
            raise FileNotFoundError(f"no such file or directory: {path}")

    def save(self, project: str | None = None, settings: Any = None) -> None:
        """Make the version, in the run that is open or in one of its own; of one that is logged, put in what was set.

        Raises as `Run.log_artifact` and `LoggedArtifact.save`.
        """
        from artcli.sdk import exchange

        exchange.save(self, project, settings)

    # --- within ---

    def _draft(self) -> Drafting:
        if self._record is not None:
            raise UsageError(
                "artifact-finalized", f"{self._record.name} is logged and takes nothing more; new_draft() begins anew",
                hint="art help artifact-finalized",
            )  # fmt: skip
        with self._beginning:
            if self._drafting is None:
                path = self._base[0] if self._base else place.for_writing()
                root = self._base[2] if self._base else None
                self._drafting = Drafting(path, root, planes=place.planes(path))
            return self._drafting

    def _begin_from_newest(self) -> None:
        path = place.for_writing()
        catalog = place.fresh(path).catalog
        known = catalog.artifact(place.project(path), self._name)
        newest = catalog.latest(known.id) if known else None
        if newest is not None:
            self._base = path, f"{newest.project}/{newest.ref}", newest.root

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        record = self.__dict__.get("_record")
        if record is None:
            if name == "wait":
                return lambda timeout=None: self
            raise AttributeError(f"an artifact has no {name!r} before it is logged")
        return getattr(record, name)

    def __repr__(self) -> str:
        return f"<Artifact {self.name} {self.type}{'' if self._record else ' (draft)'}>"


def checked(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Metadata in JSON's types, None for what is not finite, as W&B has it; raises TypeError for what is none."""
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata is a dictionary, not {type(metadata).__name__}")
    found = _finite(plain(metadata))
    return found if isinstance(found, dict) else {}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def checked_ttl(ttl: datetime.timedelta | None) -> datetime.timedelta | None:
    """A time to live; raises ValueError unless it is one."""
    if ttl is not None and (not isinstance(ttl, datetime.timedelta) or ttl.total_seconds() <= 0):
        raise ValueError("a time to live is a positive timedelta, or None")
    return ttl


def readable_name(text: str) -> str:
    """A text as part of an artifact's name."""
    return re.sub(r"[^A-Za-z0-9._-]", "", text) or "file"


def _same(before: Entry, after: Entry) -> None:
    if before[1:4] != after[1:4]:
        raise ValueError(f"{shown(after.path)!r} was added already, with another content; overwrite=True replaces it")


def _check_policy(policy: str | None) -> None:
    if policy not in (None, "mutable", "immutable"):
        raise ValueError(f"policy is mutable or immutable, not {policy!r}")


def _read(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            yield block
