"""What an artifact holds, as programs ask for it: entries by path, the manifest, single files brought to the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artcli.catalog.manifest import REFERENCE, Entry
from artcli.flows.references import fetch, reference
from artcli.flows.references.known import Known

if TYPE_CHECKING:
    from artcli.sdk.artifact import LoggedArtifact


class ArtifactEntry:
    """One file of an artifact."""

    def __init__(self, entry: Entry, artifact: LoggedArtifact | None = None) -> None:
        """`artifact`: where its bytes are; None while it is in a draft."""
        self._entry = entry
        self._artifact = artifact

    @property
    def path(self) -> str:
        return os.fsdecode(self._entry.path)

    @property
    def name(self) -> str:
        return self.path

    @property
    def digest(self) -> str:
        """BLAKE3 of the file, in hex: what `b3sum` prints."""
        return self._entry.digest.hex()

    @property
    def size(self) -> int:
        """Bytes."""
        return self._entry.size

    @property
    def ref(self) -> str | None:
        """The address of a reference; None for what is kept here. Raises `IntegrityError` (`damaged-reference`)."""
        if self._entry.kind != REFERENCE:
            return None
        return reference.of(self._entry).uri

    def ref_target(self) -> str:
        """The address of a reference; raises ValueError for what is none."""
        if self.ref is None:
            raise ValueError(f"{self.path} is no reference")
        return self.ref

    def ref_url(self) -> str:
        """The address of this entry, for a reference to it in another artifact."""
        return f"art://{self._logged().qualified_name}/{self.path}"

    def download(self, root: str | os.PathLike[str] | None = None, replace: bool = False) -> str:
        """Bring the file to its path below `root` (by default where the artifact is downloaded); returns where it is.

        Raises as `LoggedArtifact.download`.
        """
        artifact = self._logged()
        target = Path(root if root is not None else artifact._root()).absolute() / self.path
        known = Known(artifact._path)
        there = known.as_file(self._entry)
        if not replace and there is not None and target.is_file() and _digest(target) == there.digest.hex():
            return str(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name[:200]}.{os.urandom(4).hex()}")
        try:
            with fresh.open("wb") as into:
                if self._entry.kind == REFERENCE:
                    into.writelines(fetch.whole(self._entry, known))
                else:
                    with artifact.open(self.path) as source:
                        shutil.copyfileobj(source, into, 1 << 20)
            os.replace(fresh, target)
        finally:
            fresh.unlink(missing_ok=True)
        return str(target)

    def parent_artifact(self) -> LoggedArtifact:
        """The version that it is of; raises ValueError in a draft."""
        return self._logged()

    def _logged(self) -> LoggedArtifact:
        if self._artifact is None:
            raise ValueError(f"{self.path} is in a draft; log the artifact first")
        return self._artifact

    def __repr__(self) -> str:
        return f"<ArtifactEntry {self.path} {self.size} bytes {self.digest[:12]}>"


class Manifest(Mapping[str, ArtifactEntry]):
    """Entries by path, looked up when they are asked for."""

    def __init__(
        self, find: Callable[[str], ArtifactEntry | None], walk: Callable[[], Iterator[ArtifactEntry]], count: int
    ) -> None:
        self._find, self._walk, self._count = find, walk, count

    @property
    def entries(self) -> dict[str, ArtifactEntry]:
        """All of them."""
        return {entry.path: entry for entry in self._walk()}

    def get_entry_by_path(self, path: str) -> ArtifactEntry | None:
        return self._find(path)

    def to_manifest_json(self) -> dict[str, Any]:
        """Paths, sizes and digests as one value."""
        contents = {entry.path: {"digest": entry.digest, "size": entry.size} for entry in self._walk()}
        return {"version": 1, "contents": contents}

    def __getitem__(self, path: str) -> ArtifactEntry:
        found = self._find(path)
        if found is None:
            raise KeyError(path)
        return found

    def __iter__(self) -> Iterator[str]:
        return (entry.path for entry in self._walk())

    def __len__(self) -> int:
        return self._count


def clean(name: str | os.PathLike[str]) -> bytes:
    """A path in an artifact as manifests have it: no slash at its ends, no `.`; raises ValueError for an empty one."""
    parts = [part for part in os.fsencode(name).split(b"/") if part not in (b"", b".")]
    if not parts:
        raise ValueError(f"no path in an artifact: {os.fspath(name)!r}")
    return b"/".join(parts)


def _digest(path: Path) -> str:
    from blake3 import blake3

    hasher = blake3()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            hasher.update(part)
    return hasher.hexdigest()
