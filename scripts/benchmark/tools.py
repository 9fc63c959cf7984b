"""art and its rivals: how each is installed, and how it adds, restores and switches.

Each tool works in a box of its own (an empty directory with its store, home and temporary files) and is given the
same source files by path; only dvc, which versions what lies in its own work tree, gets a copy before the clock runs.
A tool that cannot be had here is left out with the reason.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from benchmark.data import Tree
from benchmark.measure import Command, quietly, tree_size

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


class Absent(Exception):
    """The tool cannot be had on this machine; the message says why, in a line."""


class Venvs:
    """Virtual environments below one directory, made when first asked for and kept until what they need changes."""

    def __init__(self, root: Path, say: Callable[[str], None]) -> None:
        self._root, self._say = root, say

    def program(self, name: str, requirement: Sequence[str], program: str) -> str:
        """Path of `program` in the environment `name`, which holds `requirement`. Raises Absent."""
        folder = self._root / name
        needs = [CHECKOUT.joinpath("pyproject.toml").read_text()] if str(CHECKOUT) in requirement else []
        wanted = hashlib.sha256("\n".join([*requirement, *needs]).encode()).hexdigest()
        ready, path = folder / ".ready", folder / "bin" / program
        if not (ready.exists() and ready.read_text() == wanted and path.exists()):
            self._say(f"installs {name} ({' '.join(requirement)})")
            self._make(folder, requirement)
            ready.write_text(wanted)
        if not path.exists():
            raise Absent(f"{' '.join(requirement)} brings no program {program}")
        return str(path)

    def _make(self, folder: Path, requirement: Sequence[str]) -> None:
        for argv in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(folder / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirement],
        ):
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode:
                lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
                telling = [line for line in lines if "Error:" in line or line.startswith(("Exception:", "ERROR:"))]
                raise Absent(f"{' '.join(requirement)} could not be installed: {(telling or lines or ['?'])[-1][:200]}")


class Tool:
    """One tool in its box. `tag` is v0, v1, … in the order of the adds of one name."""

    name: ClassVar[str]
    box: Path
    switches = False  # can turn a restored tree into another version in place
    trees = True  # can bring many files back in a time that is worth waiting for

    def __init__(self, venvs: Venvs, box: Path) -> None:
        self.box, self.trash = box, Trash(box.parents[1] / "trash")
        self.program = self.find(venvs)

    def find(self, venvs: Venvs) -> str:
        """The program to call. Raises Absent."""
        raise Absent("unknown tool")

    @property
    def store(self) -> Path:
        return self.box / "store"

    @property
    def env(self) -> dict[str, str]:
        home = str(self.box / "home")
        keep = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        return {**keep, "HOME": home, "TMPDIR": str(self.box / "tmp"), "LANG": "C.UTF-8", "USER": "bench"}

    def fresh(self) -> None:
        """An empty box with an empty store."""
        self.trash.throw(self.box)
        for name in ("home", "tmp", "work"):
            (self.box / name).mkdir(parents=True)
        self.create()

    def create(self) -> None:
        """Makes the empty store."""

    def version(self) -> str:
        return quietly([self.program, "--version"], cwd=HERE, env=self.env).splitlines()[0]

    def stage(self, source: Path) -> None:
        """What happens before the clock runs when `source` is to be added."""

    def add(self, source: Path, tag: str) -> tuple[Command, Path]:
        """The command that makes `source` the next version, and where to run it."""
        raise NotImplementedError

    def restore(self, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        """The command that brings a version back into the empty directory `out`."""
        raise NotImplementedError

    def restored(self, source: Path, out: Path) -> Path:
        """Where `restore` has put what was added as `source`."""
        return out / source.name

    def switch(self, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        """The command that turns what `restore` made into another version."""
        raise NotImplementedError

    @property
    def kept(self) -> Sequence[Path]:
        """Where the store lies."""
        return [self.store]

    def stored(self) -> int:
        """Bytes that the store occupies (apparent size)."""
        return tree_size(self.kept)[0]


class Art(Tool):
    name = "art"
    switches = True
    planes = True

    def find(self, venvs: Venvs) -> str:
        given = os.environ.get("ART_BENCH_PROGRAM")  # an installed art, instead of one made from this checkout
        return given or venvs.program("art", ["-e", str(CHECKOUT)], "art")

    @property
    def python(self) -> str:
        """The interpreter that runs art: the floor under its start-up time."""
        with open(self.program, "rb") as script:
            line = script.readline().decode(errors="replace").strip()
        return line[2:] if line.startswith("#!/") and " " not in line else str(Path(self.program).with_name("python"))

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, **({} if self.planes else {"ART_STORE_PLANES": "off"}), "NO_COLOR": "1"}

    def create(self) -> None:
        quietly([self.program, "init"], cwd=self.box / "work", env=self.env)

    def call(self, *arguments: str | Path) -> tuple[Command, Path]:
        return [self.program, *map(str, arguments)], self.box / "work"

    def add(self, source: Path, tag: str) -> tuple[Command, Path]:
        return self.call("log-artifact", source.stem, source, "--type", "dataset")

    def restore(self, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        return self.call("use", f"{source.stem}:{tag}", "--root", out)

    def restored(self, source: Path, out: Path) -> Path:
        return out if source.is_dir() else out / source.name

    switch = restore

    @property
    def kept(self) -> Sequence[Path]:
        return [self.box / "work/.art"]

    def stored(self) -> int:
        own = {self.kept[0] / name for name in ("cache", "local", "tmp", "mirrors")}
        return tree_size(self.kept, leave_out=own.__contains__)[0]


class ArtFlat(Art):
    """art with byte planes switched off, for what they cost and gain; shown beside art, no limit of its own."""

    name = "art-flat"
    planes = False


class Borg(Tool):
    name = "borg"

    def find(self, venvs: Venvs) -> str:
        return _venv_or_path(venvs, "borg", ["borgbackup<2"], "borg")

    @property
    def env(self) -> dict[str, str]:
        return {
            **super().env,
            "BORG_REPO": str(self.store),
            "BORG_BASE_DIR": str(self.box / "home"),
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",
        }

    def create(self) -> None:
        quietly([self.program, "init", "-e", "none"], cwd=self.box, env=self.env)

    def add(self, source: Path, tag: str) -> tuple[Command, Path]:
        return [self.program, "create", f"::{source.stem}-{tag}", source.name], source.parent

    def restore(self, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        return [self.program, "extract", f"::{source.stem}-{tag}"], out


class Restic(Tool):
    name = "restic"

    def find(self, venvs: Venvs) -> str:
        found = shutil.which("restic")
        if not found:
            raise Absent("no restic on PATH (Debian and Ubuntu: apt install restic)")
        return found

    @property
    def env(self) -> dict[str, str]:
        cache = str(self.box / "home/cache")
        return {
            **super().env,
            "RESTIC_REPOSITORY": str(self.store),
            "RESTIC_PASSWORD": "x",
            "RESTIC_CACHE_DIR": cache,
        }

    def create(self) -> None:
        quietly([self.program, "init", "-q"], cwd=self.box, env=self.env)

    def version(self) -> str:
        return quietly([self.program, "version"], cwd=HERE, env=self.env).splitlines()[0]

    def add(self, source: Path, tag: str) -> tuple[Command, Path]:
        return [self.program, "backup", "-q", "--tag", f"{source.stem}-{tag}", source.name], source.parent

    def restore(self, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        chosen = ["--tag", f"{source.stem}-{tag}", "--target", str(out)]
        return [self.program, "restore", "-q", "latest", *chosen], out


class Xet(Tool):
    """hf-xet's own client against its built-in store on disk; it knows no trees, so paths and hashes lie beside it."""

    name = "hf-xet"
    trees = False  # 4 to 5 ms a file

    def find(self, venvs: Venvs) -> str:
        return venvs.program("hf-xet", ["hf-xet"], "python")

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, "HF_XET_CACHE": str(self.box / "home/xet"), "HF_XET_TELEMETRY_ENABLED": "false"}

    def create(self) -> None:
        self.store.mkdir()

    def version(self) -> str:
        show = "import importlib.metadata as m; print('hf-xet', m.version('hf-xet'))"
        return quietly([self.program, "-c", show], cwd=HERE, env=self.env)

    def _drive(self, *arguments: str | Path) -> list[str]:
        return [self.program, str(HERE / "xet_driver.py"), *map(str, arguments)]

    def _list(self, source: Path, tag: str) -> Path:
        return self.box / f"{source.stem}-{tag}.json"

    def add(self, source: Path, tag: str) -> tuple[Command, Path]:
        return self._drive("add", self.store, self._list(source, tag), source.name), source.parent

    def restore(self, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        return self._drive("restore", self.store, self._list(source, tag), out), out


class Dvc(Tool):
    name = "dvc"
    switches = True

    def find(self, venvs: Venvs) -> str:
        if not shutil.which("git"):
            raise Absent("dvc needs git, which is not on PATH")
        return venvs.program("dvc", ["dvc"], "dvc")

    @property
    def env(self) -> dict[str, str]:
        home = self.box / "home"
        who = {f"GIT_{role}_{what}": "bench" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return {
            **super().env,
            **who,
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(home / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(home / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(home / "system"),
        }

    def create(self) -> None:
        script = f"git init -q -b main && git config gc.auto 0 && {self.program} init -q && git commit -qm made"
        quietly(script, cwd=self.box / "work", env=self.env)

    def version(self) -> str:
        return "dvc " + super().version()

    def stage(self, source: Path) -> None:
        own = self.box / "work" / source.name
        if not source.is_dir():
            own.unlink(missing_ok=True)
            shutil.copyfile(source, own)
        elif own.exists():
            Tree(own).go(Tree(source).state)
        else:
            Tree(source).go(0)
            quietly(["cp", "-r", str(source), str(own)], cwd=self.box, env=self.env)

    def add(self, source: Path, tag: str) -> tuple[Command, Path]:
        name = source.name
        record = f"git add {name}.dvc .gitignore && git commit -qm {tag} --allow-empty && git tag {source.stem}-{tag}"
        return f"{self.program} add -q {name} && {record}", self.box / "work"

    def restore(self, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        self.trash.throw(self.box / "work" / source.name)  # dvc restores in place only
        return self.switch(source, tag, out)

    def restored(self, source: Path, out: Path) -> Path:
        return self.box / "work" / source.name

    def switch(self, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        script = f"git checkout -q {source.stem}-{tag} && {self.program} checkout -q {source.name}.dvc"
        return script, self.box / "work"

    @property
    def kept(self) -> Sequence[Path]:
        return [self.box / "work/.git", self.box / "work/.dvc"]


class Copy(Tool):
    """A plain copy: not a rival, but what the machine's own tool for files needs."""

    name = "cp"

    def find(self, venvs: Venvs) -> str:
        return "cp"

    def create(self) -> None:
        self.store.mkdir()

    def add(self, source: Path, tag: str) -> tuple[Command, Path]:
        place = self.store / f"{source.stem}-{tag}"
        place.mkdir()
        return ["cp", "-r", "--reflink=never", source.name, str(place)], source.parent

    def restore(self, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        return ["cp", "-r", "--reflink=never", str(self.store / f"{source.stem}-{tag}" / source.name), "."], out


def _venv_or_path(venvs: Venvs, name: str, requirement: Sequence[str], program: str) -> str:
    try:
        return venvs.program(name, requirement, program)
    except Absent as reason:
        found = shutil.which(program)
        if found:
            return found
        raise Absent(f"{reason} (and no {program} on PATH)") from None


class Trash:
    """Where trees of many files go instead of being removed while others wait.

    Removing a file may cost milliseconds (ext4 mounted with `discard` asks the disk about every one), and for five
    minutes afterwards making files is slow in its place (ext4 without a journal looks at each inode that was freed
    lately, for each file it makes: `recently_deleted` in fs/ext4/ialloc.c). So a tree of many files is only renamed,
    and removed after the run by a process of its own.
    """

    MANY = 2000
    SETTLED = 300  # seconds, RECENTCY_DIRTY of ext4

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._emptied = folder.with_name(".trash-emptied")

    def throw(self, path: Path) -> None:
        """Takes `path` (a file, a tree or nothing) away."""
        if path.is_dir() and not path.is_symlink() and _holds_more(path, self.MANY):
            self.folder.mkdir(parents=True, exist_ok=True)
            path.rename(self.folder / f"{time.time_ns():x}")
        else:
            wipe(path)

    def empty_behind(self) -> None:
        """Removes what was thrown away, without waiting for it."""
        if self.folder.exists():
            script = 'rm -rf "$1" && touch "$2"'
            behind = f"({script}) >/dev/null 2>&1 </dev/null &"
            subprocess.run(["sh", "-c", behind, "sh", self.folder, self._emptied], check=True, start_new_session=True)

    def let_settle(self, say: Callable[[str], None]) -> None:
        """Waits until what an earlier run left is removed, and until that no longer slows the making of files."""
        if self.folder.exists():
            say(f"removes what an earlier run left in {self.folder}")
            wipe(self.folder)
            self._emptied.touch()
        rest = self._emptied.stat().st_mtime + self.SETTLED - time.time() if self._emptied.exists() else 0.0
        if rest > 0:
            say(f"waits {rest:.0f} s, since many files were removed just now")
            time.sleep(rest)


def _holds_more(root: Path, count: int) -> bool:
    for _, folders, files in os.walk(root):
        count -= len(folders) + len(files)
        if count < 0:
            return True
    return False


def wipe(path: Path) -> None:
    """Removes a file or a tree, also one that a tool made read-only."""
    if subprocess.run(["rm", "-rf", str(path)], check=False, stderr=subprocess.DEVNULL).returncode:
        subprocess.run(["chmod", "-R", "u+rwX", str(path)], check=True)
        subprocess.run(["rm", "-rf", str(path)], check=True)


TOOLS: dict[str, type[Tool]] = {tool.name: tool for tool in (Art, ArtFlat, Borg, Xet, Restic, Dvc, Copy)}
RIVALS = ("borg", "hf-xet", "restic", "dvc")
