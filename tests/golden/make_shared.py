"""Makes a place that two machines share, and keeps it: `python -m tests.golden.make_shared`.

    nas       the place: several pushes, indexes that were live once, packs that gc has condemned and that are there
              still, and some that are gone
    car       a repository that has made most of it, with the mirror of the place's log
    laptop    a clone: it knows all versions, has the bytes of one, and made versions of its own; of two that the place
              has not, one was made upon a version whose bytes are not here

What every version must hold, and which numbers are provisional, is known here, not asked of art.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.golden.make import Held, runner, tree_digest
from tests.kit.story.pipeline import digit_rows
from tests.kit.trees import Tree, plant

HERE = Path(__file__).parent
ARCHIVE = HERE / "format-1-shared.tar.xz"
TRUTH = HERE / "format-1-shared.json"
LIMIT = 200_000
ELSEWHERE = "/shared"
"""What stands in the archive for the directory in which it was made."""


def rows(first: int, count: int = 60) -> bytes:
    return b"".join(digit_rows()[first : first + count])


def fill(directory: Path) -> tuple[dict[str, Held], dict[str, Held]]:
    """Make it all in `directory`; what the place, and what the laptop knows."""
    for name in ("car", "laptop"):
        (directory / name).mkdir()
    nas = directory / "nas"
    car = runner(directory / "car")
    held: dict[str, Held] = {}

    def log(ref: str, tree: Tree, state: str = "live") -> None:
        plant(directory / "car" / "data", tree)
        car("log-artifact", ref.partition(":")[0], "data")
        held[ref] = Held(state, tree)

    car("init")
    car("remote", "add", "nas", str(nas))
    log("dataset:v0", {"old.csv": rows(0), "kept.csv": rows(100)}, "purged")
    car("push")
    log("dataset:v1", {"kept.csv": rows(100), "new.csv": rows(200)})
    car("push")
    log("model:v0", {"weights.csv": rows(300, 20)}, "purged")
    car("push")
    car("rm", "model:v0", "--yes")
    car("push")
    car("-C", nas.as_uri(), "gc", "--empty-trash", "--yes", "--readers", "0s")
    car("pull")
    log("model:v1", {"weights.csv": rows(320, 20), "note.txt": b"of the car\n"})
    car("alias", "model:v1", "best")
    car("run", "--name", "golden", "--no-git", "--", "echo", "said on the car")
    car("push")
    car("rm", "dataset:v0", "--yes")
    car("push")
    car("-C", nas.as_uri(), "gc", "--empty-trash", "--yes")
    car("pull")
    _laptop(directory, nas, held)
    return dict(list(held.items())[:4]), held


def _laptop(directory: Path, nas: Path, held: dict[str, Held]) -> None:
    (directory / "laptop").rmdir()
    runner(directory)("clone", str(nas), "laptop")
    laptop = runner(directory / "laptop")
    laptop("use", "model:v1", "--root", "used")
    plant(directory / "laptop" / "more", {"more.csv": rows(400)})
    laptop("log-artifact", "dataset", "--base", "dataset:v1", "--add", "more")
    held["dataset:v2"] = Held("live", {**held["dataset:v1"].tree, "more.csv": rows(400)})
    plant(directory / "laptop" / "data", {"weights.csv": rows(340, 20)})
    laptop("log-artifact", "model", "data")
    held["model:v2"] = Held("live", {"weights.csv": rows(340, 20)})


def main() -> None:
    if ARCHIVE.exists():
        sys.exit(f"{ARCHIVE} is never made again")
    os.environ.update(ART_USER="the makers of art", ART_CONFIG=os.devnull)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ART_CACHE_DIR"] = str(Path(folder, "cache"))
        directory = Path(folder, "format-1-shared")
        directory.mkdir()
        there, all_of_it = fill(directory)
        for name in ("car", "laptop"):
            remotes = directory / name / ".art/local/remotes.json"
            remotes.write_text(remotes.read_text().replace(str(directory), ELSEWHERE))
        truth = {
            "nas": sorted(ref for ref, version in there.items() if version.state == "live"),
            "versions": {
                ref: {"state": version.state, "tree": tree_digest(version.tree)} for ref, version in all_of_it.items()
            },
        }
        TRUTH.write_text(json.dumps(truth, indent=1) + "\n")
        with tarfile.open(ARCHIVE, "w:xz", preset=9) as archive:
            for name in ("nas", "car/.art", "laptop/.art"):
                archive.add(directory / name, f"format-1-shared/{name}", filter=_kept)
    if ARCHIVE.stat().st_size > LIMIT:
        ARCHIVE.unlink()
        sys.exit("it became too large")


def _kept(item: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Without what one machine knows alone but for its remotes, and without whose machine it was."""
    inside = item.name.partition("/.art/")[2]
    mine = ("local/remotes.json", "local/open", "local/config.toml")
    if inside.startswith(("cache/", "tmp/")) or (inside.startswith("local/") and inside not in mine):
        return None
    item.uid = item.gid = 0
    item.uname = item.gname = ""
    return item


if __name__ == "__main__":
    main()
