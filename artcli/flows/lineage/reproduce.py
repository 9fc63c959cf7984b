"""Doing a run again, and comparing what came of it.

A check changes nothing: it happens in a directory of its own (a worktree of git, if the code came from one), and what
it records goes into a copy of the repository whose large files are hard links to those of the repository, which nobody
ever writes to. Both are gone afterwards.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from artcli.catalog.repository import CONFIG, OWN, Repository
from artcli.catalog.runs.register import Register, Run
from artcli.catalog.runs.view import view
from artcli.errors import ArtError, NotFoundError
from artcli.flows.lineage.recipe import Obstacle, Recipe, checkout, obstacles
from artcli.flows.lineage.script import TAG, script
from artcli.flows.lineage.why import metrics

SHARED = ("packs", "index", "log", "segments")
"""Folders of files that are written once."""
_OURS = ("ART_DIR", "ART_RUN_ID", "ART_CONFIG_OVERRIDES", "ART_RUN_NAME", "ART_JOB_TYPE", "ART_RUN_GROUP", "ART_PINS")
_SETTINGS = ("local/config.toml", "../art.toml", "../pyproject.toml")
"""Files that settings are read from, such as the project that is meant where none is named."""
SAME, DIFFERENT, MISSING, NEW = "same", "different", "missing", "new"


class Compared(NamedTuple):
    """Something that both runs have, or one of them."""

    section: str
    """`outcome`, `input`, `output`, `summary`."""
    key: str
    state: str
    """`same`, `different`, `missing`, `new`."""
    old: Any
    new: Any


def refuse(found: Recipe, known: Sequence[Obstacle]) -> None:
    """Raise `NotFoundError` (`cannot-reproduce`) if something is missing without which it cannot be done."""
    fatal = [obstacle.text for obstacle in known if obstacle.fatal]
    if fatal:
        name = found.view.run.name
        others = [obstacle.text for obstacle in known if not obstacle.fatal]
        raise NotFoundError(
            "cannot-reproduce", f"run '{name}' cannot be done again: {fatal[0]}", facts=[*fatal[1:], *others],
            hint=f"art reproduce run:{found.view.run.id} --script",
        )  # fmt: skip


def run_again(repository: Repository, found: Recipe) -> str:
    """Do it again, recorded in the repository; the id of the new run. Raises as `refuse`, `ArtError` (`not-run`)."""
    known = list(obstacles(found))
    refuse(found, known)
    with _place(repository, found) as place:
        return _play(repository.path, found, known, place).id


def check(repository: Repository, found: Recipe) -> list[Compared]:
    """Do it again where nothing else sees it, and compare. Raises as `run_again`."""
    known = list(obstacles(found))
    refuse(found, known)
    with _place(repository, found) as place, _copy(repository) as folder:
        run = _play(folder, found, known, place)
        again = Repository(folder)
        try:
            return compare(repository, found.view.run, again, run)
        finally:
            again.close()


def compare(repository: Repository, run: Run, other: Repository, again: Run) -> list[Compared]:
    """How a run that was done again, in whatever repository, came out."""
    sides = ((repository, run), (other, again))
    sections: dict[str, list[Mapping[str, Any]]] = {
        "outcome": [{"outcome": side.outcome, "exit": side.exit} for _, side in sides],
        "input": [_contents(place, Register(place.follower.database).inputs(side.id)) for place, side in sides],
        "output": [_contents(place, Register(place.follower.database).outputs(side.id)) for place, side in sides],
        "summary": [metrics(view(place, side.id)) for place, side in sides],
    }
    found = []
    for section, (old, new) in sections.items():
        for key in dict.fromkeys((*old, *new)):
            state = SAME if _alike(old.get(key), new.get(key)) else DIFFERENT
            state = MISSING if key not in new else NEW if key not in old else state
            found.append(Compared(section, key, state, old.get(key), new.get(key)))
    return found


def _contents(repository: Repository, edges: Sequence[Any]) -> dict[str, str]:
    """Digests by the name of the artifact; those of several versions of one in order."""
    found: dict[str, list[str]] = {}
    for edge in edges:
        if edge.version is not None:
            version = repository.catalog.version(edge.version)
            found.setdefault(version.name if version else edge.version[:12], []).append(str(edge.digest))
    return {name: " ".join(sorted(set(digests))) for name, digests in found.items()}


def _alike(old: Any, new: Any) -> bool:
    """Equal; numbers that are none equal each other."""
    return bool(old == new) or (old != old and new != new)


def _play(folder: Path, found: Recipe, known: Sequence[Obstacle], place: Path) -> Run:
    """Let a shell do it in `place`, with the `.art` at `folder`; the run that came of it."""
    id = found.view.run.id
    file = place / "again.sh"
    file.write_text(script(found, known, str(folder)))
    (place / "bin").mkdir()
    program = place / "bin" / "art"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m artcli "$@"\n')
    program.chmod(0o755)
    environ = {name: value for name, value in os.environ.items() if name not in _OURS}
    packages = Path(__file__).parents[3]
    environ |= {
        "PATH": f"{place / 'bin'}{os.pathsep}{environ.get('PATH', os.defpath)}",
        "ART_DIR": str(folder),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(packages), environ.get("PYTHONPATH")])),
    }
    before = {run.id for run in _again(folder, id)}
    code = subprocess.run(["/bin/sh", file, place / "code"], env=environ, stdout=2).returncode
    fresh = [run for run in _again(folder, id) if run.id not in before]
    if not fresh:
        message = f"the run could not be begun again: the script ended with {code}"
        raise ArtError("not-run", message, hint=f"art reproduce run:{id} --script")
    return fresh[-1]


def _again(folder: Path, id: str) -> list[Run]:
    """The runs that did this one again."""
    repository = Repository(folder)
    try:
        register = Register(repository.follower.database)
        tags = register.tags()
        return [run for run in register.runs() if f"{TAG}{id}" in tags.get(run.id, ())]
    finally:
        repository.close()


@contextmanager
def _place(repository: Repository, found: Recipe) -> Iterator[Path]:
    """A directory for a while; `code` in it may become a worktree of git."""
    with tempfile.TemporaryDirectory(prefix="art-again-", ignore_cleanup_errors=True) as name:
        try:
            yield Path(name)
        finally:
            root = checkout(found.code) if found.code else None
            if root is not None:
                remove = ["git", "worktree", "remove", "--force", os.path.join(name, "code")]
                subprocess.run(remove, cwd=root, capture_output=True)


@contextmanager
def _copy(repository: Repository) -> Iterator[Path]:
    """A repository with the same content, for a while: what is written once is linked, its own is made anew."""
    holder = Path(tempfile.mkdtemp(prefix="again-", dir=repository.path / "local"))
    folder = holder / ".art"
    try:
        with repository.reading():
            folder.mkdir()
            for name in SHARED:
                if (repository.path / name).is_dir():
                    shutil.copytree(repository.path / name, folder / name, copy_function=_link)
            for name in OWN:
                (folder / name).mkdir()
            shutil.copyfile(repository.path / CONFIG, folder / CONFIG)
            for name in _SETTINGS:
                if (repository.path / name).is_file():
                    shutil.copyfile(repository.path / name, folder / name)
        yield folder
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def _link(source: str, target: str) -> None:
    """The same file under another name; where the file system knows no hard links, a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
