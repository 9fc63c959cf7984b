"""What a run was made of, as far as it was recorded: code, inputs, command, config; and what of that is gone by now."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from artcli.catalog import manifest
from artcli.catalog.fold import PURGED, TRASH
from artcli.catalog.manifest import entry as entries
from artcli.catalog.repository import Repository
from artcli.catalog.runs import journal
from artcli.catalog.runs.lineage import UNKNOWN
from artcli.catalog.runs.register import Register
from artcli.catalog.runs.view import RunView, view
from artcli.errors import NotFoundError
from artcli.flows import contents
from artcli.flows.runs import mask, program
from artcli.flows.use import ARTIFACTS

_SECONDS = 10.0
MOST_PACKAGES = 5
"""Packages that are named."""


class Pin(NamedTuple):
    """An input, told by its content."""

    ref: str
    """`name:vN` as it is called by now."""
    pinned: str
    """`project/name@<digest>`, which means the same bytes for ever."""
    state: str


class Code(NamedTuple):
    """A commit, and what was different from it."""

    root: str
    """Where the checkout was."""
    commit: str
    remote: str | None
    diff: bytes | None
    untracked: Sequence[str]


class Obstacle(NamedTuple):
    """What stands in the way of doing it again."""

    kind: str
    """`command`, `commit`, `diff`, `config`, `input`, `environment`, `package`, `code`."""
    text: str
    fatal: bool
    """It cannot be done, rather than that it may come out different."""


class Recipe(NamedTuple):
    view: RunView
    command: Sequence[str]
    """With `{VARIABLE}` where an input's place belongs, if it was asked for so."""
    cwd: str
    code: Code | None
    script: tuple[str, bytes] | None
    """The path, from where the checkout or the working directory begins, and content of what was run."""
    config: Mapping[str, Any]
    uses: Mapping[str, str]
    """Pinned references by variable."""
    inputs: Sequence[Pin]
    """All versions that it used, in order, but for those that it had logged itself by then."""
    uris: Sequence[str]
    logs: Sequence[Mapping[str, Any]]
    """What was to be logged when the command had ended."""
    python: str | None
    packages: Sequence[str]
    """`name==version`, of that Python."""
    as_wandb: bool
    """In its Python `import wandb` meant this package."""

    @property
    def settings(self) -> dict[str, Any]:
        """The config, as far as it can be set from outside."""
        return {key: value for key, value in self.config.items() if _is_json(value) and not mask.is_masked(value)}


def recipe(repository: Repository, run: str) -> Recipe:
    """What is recorded of a run. Raises `NotFoundError` (`no-such-run`, `no-command-recorded`), `IntegrityError`."""
    seen = view(repository, run)
    start = seen.start
    asked = _mapping(start.get("asked"))
    command = _words(asked.get("command")) or _words(start.get("argv"))
    if not command:
        message = f"no command was recorded of run '{seen.run.name}'"
        raise NotFoundError("no-command-recorded", message, hint=f"art run show {run}")
    git, name = _mapping(start.get("git")), start.get("program")
    code = None
    if git.get("commit"):
        diff = kept_file(repository, run, str(git["diff"])) if git.get("diff") else None
        code = Code(
            str(git.get("root") or ""), str(git["commit"]), git.get("remote"), diff, _words(git.get("untracked"))
        )
    kept = kept_file(repository, run, str(start["code"])) if start.get("code") else None
    packages = kept_file(repository, run, str(start["packages"])) if start.get("packages") else None
    python = _mapping(start.get("python"))
    inputs, uris = _inputs(repository, run)
    return Recipe(
        seen, _with_python(command, python), str(start.get("cwd") or ""), code,
        (str(name), kept) if name and kept is not None else None, seen.config,
        {str(key): str(value) for key, value in _mapping(asked.get("uses")).items()}, inputs, uris,
        [_mapping(item) for item in asked.get("logs") or ()], python.get("version"),
        (packages or b"").decode("utf-8", "replace").splitlines(), asked.get("as_wandb") is True,
    )  # fmt: skip


def obstacles(found: Recipe, *, packages: bool = True) -> Iterator[Obstacle]:
    """What of it is missing: commit and code first, then inputs, then packages of the Python that the command names."""
    code, start = found.code, found.view.start
    if any(mask.MASK in word for word in found.command):
        yield Obstacle("command", "a secret in its command was not recorded; put it where *** stands", True)
    if not mask.is_whole(found.command):
        yield Obstacle("command", "its command is too long to be recorded whole", True)
    if code is not None:
        if checkout(code) is None:
            where = f" (it came from {code.remote})" if code.remote else ""
            yield Obstacle("commit", f"commit {code.commit[:12]} is not in {code.root}{where}", True)
        if _mapping(start.get("git")).get("diff_left_out"):
            yield Obstacle("diff", "what was not committed was too large to be recorded", True)
        script = found.script[0] if found.script else None
        lost = [name for name in code.untracked if name != script and f"{ARTIFACTS}/" not in name]
        if lost:
            yield Obstacle("code", f"files that git did not know are not recorded: {_some(lost)}", False)
    elif found.script is not None:
        yield Obstacle("code", "no commit was recorded: of the code there is only the script itself", False)
    else:
        yield Obstacle("code", "no code was recorded", False)
    for key in sorted(found.config.keys() - found.settings.keys()):
        why = "is a secret" if mask.is_masked(found.config[key]) else "has a number that JSON cannot hold"
        yield Obstacle("config", f"config {key} {why}: the program has to say it", False)
    for pin in found.inputs:
        if pin.state in (TRASH, PURGED, UNKNOWN):
            gone = {TRASH: f"is in the trash (back with: art restore {pin.ref})", PURGED: "was deleted and is gone",
                    UNKNOWN: "is not in this repository"}  # fmt: skip
            yield Obstacle("input", f"{pin.ref} {gone[pin.state]}", True)
    for name, refs in _several(found.inputs).items():
        text = f"it used {', '.join(refs)}: names such as {name}:latest in its code mean what they mean by now"
        yield Obstacle("input", text, False)
    for uri in found.uris:
        yield Obstacle("input", f"what lay at {uri} is not pinned by its content", False)
    there = _mapping(start.get("env"))
    now = mask.variables({name: os.environ.get(name, "") for name in there})  # as it was recorded
    other = [f"{name}={value}" for name, value in there.items() if value != now[name]]
    if other:
        yield Obstacle("environment", f"variables that were different: {_some(other)}", False)
    if packages and found.packages:
        yield from _package_obstacles(found)


def checkout(code: Code) -> Path | None:
    """A checkout on this machine that has the commit: where it was, or where we are."""
    for place in dict.fromkeys((Path(code.root), Path.cwd())):
        if place.is_dir() and _git(place, "cat-file", "-e", f"{code.commit}^{{commit}}"):
            return place
    return None


def _package_obstacles(found: Recipe) -> Iterator[Obstacle]:
    executable = program.interpreter(found.command, Path.cwd())
    there = program.ask(executable) if executable else None
    if executable is not None and there is None:
        yield Obstacle("package", f"{found.command[0]} does not run here", False)
    if there is None:
        return
    installed = dict(name.split("==", 1) for name in there.packages if "==" in name)
    wanted = dict(name.split("==", 1) for name in found.packages if "==" in name)
    missing = [f"{name}=={version}" for name, version in wanted.items() if name not in installed]
    other = [f"{name} {installed[name]}, was {version}" for name, version in wanted.items()
             if installed.get(name, version) != version]  # fmt: skip
    if missing:
        yield Obstacle("package", f"not installed: {_some(missing)}", False)
    if other:
        yield Obstacle("package", f"of another version: {_some(other)}", False)
    if found.python and there.version != found.python:
        yield Obstacle("package", f"Python is {there.version}, was {found.python}", False)


def _inputs(repository: Repository, run: str) -> tuple[list[Pin], list[str]]:
    pins: dict[str, Pin] = {}
    uris = []
    register, catalog = Register(repository.follower.database), repository.catalog
    made = {item.version: item.time for item in register.outputs(run)}
    for item in register.inputs(run):
        if item.version is None:
            uris.append(str(item.uri))
            continue
        if item.version in made and made[item.version] < item.time:
            continue
        version = catalog.version(item.version)
        if version is None:
            pins[item.version] = Pin(f"version {item.version[:12]}", f"@{item.digest}", UNKNOWN)
        else:
            pinned = f"{version.project}/{version.name}@{version.digest}"
            same = catalog.with_digest(version.digest, version.artifact)  # live ones: they will do
            pins[item.version] = Pin(version.ref, pinned, same[0].state if same else version.state)
    return list(pins.values()), uris


def _several(inputs: Sequence[Pin]) -> dict[str, list[str]]:
    """Artifacts of which there are several contents among the inputs, with the references of those."""
    found: dict[str, dict[str, str]] = {}
    for pin in inputs:
        name, _, digest = pin.pinned.partition("@")
        found.setdefault(name, {})[digest] = pin.ref
    return {name: list(refs.values()) for name, refs in found.items() if name and len(refs) > 1}


def kept_file(repository: Repository, run: str, path: str) -> bytes | None:
    """A file of the run; None if it is not there. Raises `IntegrityError`."""
    repository.refresh()
    for place in reversed(journal.file_places(repository, run)):
        if isinstance(place, Path):
            try:
                return (place / path).read_bytes()
            except OSError:
                continue  # it is in a place before, or nowhere
        root = manifest.load_root(repository.store, place)
        entry = manifest.find(repository.store, root, os.fsencode(path))
        if entry is not None and entry.kind <= entries.EXECUTABLE:
            return b"".join(contents.file(repository.store, repository.store, entry, workers=1))
    return None


def _with_python(command: Sequence[str], python: Mapping[str, Any]) -> Sequence[str]:
    """A program that begins its run itself says only its script: it was a Python that read it."""
    if python and command[0].endswith(".py") and not os.access(command[0], os.X_OK):
        return ["python3", *command]
    return command


def _git(directory: Path, *words: str) -> bool:
    quiet = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", *words], cwd=directory, env=quiet, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return False  # without git there is no commit
    return done.returncode == 0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_json(value: Any) -> bool:
    """Whether JSON can hold it: not a number that is none or infinite."""
    try:
        json.dumps(value, allow_nan=False, default=str)
    except ValueError:
        return False
    return True


def _words(value: Any) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list) else []


def _some(names: Sequence[str]) -> str:
    more = f", … {len(names) - MOST_PACKAGES} more" if len(names) > MOST_PACKAGES else ""
    return ", ".join(names[:MOST_PACKAGES]) + more
