"""Tells the story of `scripts/demo`: runs `art` on real files, shows each command and what it answers.

Every command is run as a person would type it, in a process of its own; a story that does not go as told ends with an
error. In a pipe the commands still see a terminal, so that what is read later looks as it would have looked.
"""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from glob import escape
from pathlib import Path

from artcli.flows.demo import Step
from tests.kit.story import build

CHECKOUT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
WIDTH = 100

MOST_FILES, MOST_BYTES = 5_000, 500_000_000
"""Of a folder of the user's, no more is copied than this."""
NOT_COPIED = (".art", ".artignore", ".git", "artifacts")
"""What `art` or git keeps for itself, or would leave out."""


class Trouble(Exception):
    """The story cannot go on; the one line that says why."""


def main(words: list[str]) -> int:
    if len(words) > 1:
        print("usage: scripts/demo [FOLDER]", file=sys.stderr)
        return 2
    sys.stdout.reconfigure(errors="surrogateescape")  # file names are bytes
    try:
        tell(Path(words[0]) if words else None)
    except Trouble as trouble:
        print(f"demo: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has no reader
        return 141
    return 0


def tell(folder: Path | None) -> None:
    """The whole story, of the car or of the user's folder."""
    chosen = choose(folder) if folder else None
    home = Path(tempfile.mkdtemp(prefix="art-demo-"))
    show = Show(home)
    if chosen is None:
        say("This is the story of a small car that takes pictures and learns from them where to steer.")
        steps = build("car", "M", home)
    else:
        say(chosen.introduction)
        steps = folder_story(chosen, home)
    say(f"It happens in {home}, a new folder, which stays when this has ended.")
    looks = LOOKS_CAR if chosen is None else LOOKS_FOLDER
    for number, step in enumerate(steps):
        show.heading(step.title)
        step.change()
        for command in (*step.commands, *looks.get(number, ())):
            show.run(*command)
    closing(show, chosen is None)
    farewell(show)


LOOKS_CAR: dict[int, tuple[tuple[str, ...], ...]] = {
    2: (("ls", "dataset"),),
    3: (("diff", "dataset:v1", "dataset:v2"),),
    7: (("ls",), ("show", "model:best")),
}
"""What is looked at after which step of the car's story."""
LOOKS_FOLDER = {2: (("ls", "dataset"),), 3: (("diff", "dataset:latest~1", "dataset:latest"),)}


def closing(show: Show, car: bool) -> None:
    """Use, compare, damage, verify, mend; and what it all cost."""
    show.heading("Any version comes back as plain files, wherever it is needed.")
    show.run("use", "dataset:v1")
    used = show.home / "artifacts" / "dataset:v1"
    show.heading("What has changed since then?")
    show.run("diff", "dataset:v1", "dataset:latest", "--stat")
    show.heading("A file of the used version is changed by mistake. Verify finds it, use mends it and keeps the edit.")
    victim = next(path for path in sorted(used.rglob("*")) if path.is_file())
    show.shell(f"echo oops >> {shlex.quote(os.path.relpath(victim, show.home))}")
    with victim.open("ab") as file:
        file.write(b"oops\n")
    place = os.path.relpath(used, show.home)
    show.run("verify", place, expect=1)
    show.run("use", "dataset:v1")
    show.run("verify", place)
    show.heading("Every chunk of every version is read and checked.")
    show.run("fsck", "--full")
    show.heading("Who did what, when; and what each version cost.")
    show.run("log", "dataset", "--oneline")
    show.run("ls", "dataset")


class Show:
    """Runs commands in `home` and shows them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.number = 0
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ART_")}
        # The user's own settings of art have no part in this story; nothing waits for a key.
        self.environment = kept | {
            "PATH": f"{BIN}{os.pathsep}{kept.get('PATH', os.defpath)}",
            "ART_CONFIG": os.devnull,
            "ART_USER": "demo",
            "ART_PAGER": "cat",
            "ART_NO_INPUT": "1",
        }

    def heading(self, title: str) -> None:
        self.number += 1
        print()
        lead = f"{self.number}. "
        print(textwrap.fill(lead + title, WIDTH, subsequent_indent=" " * len(lead)), flush=True)

    def shell(self, line: str) -> None:
        print(f"\n$ {line}", flush=True)

    def run(self, *words: str, expect: int = 0) -> None:
        """Show and run `art words…`. Raises Trouble if it ends otherwise than expected."""
        line = shlex.join(("art", *words))
        self.shell(line)
        code = self._on_terminal([str(BIN / "art"), *words])
        if code != expect:
            raise Trouble(f"'{line}' ended with {code}, not {expect}; all is in {self.home}")

    def ask(self, *words: str) -> str:
        """What `art words…` writes, without showing it."""
        command = [str(BIN / "art"), *words]
        return subprocess.run(
            command, cwd=self.home, env=self.environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    def _on_terminal(self, command: list[str]) -> int:
        if sys.stdout.isatty():
            return subprocess.run(command, cwd=self.home, env=self.environment).returncode
        import pty

        reader, writer = pty.openpty()
        plain = self.environment | {"TERM": "dumb", "NO_COLOR": "1", "COLUMNS": str(WIDTH)}
        with subprocess.Popen(command, cwd=self.home, env=plain, stdout=writer, stderr=writer) as process:
            os.close(writer)
            try:
                for line in lines_of(reader):
                    print(line, flush=True)
            finally:
                os.close(reader)
        return process.returncode


def lines_of(descriptor: int) -> Iterator[str]:
    """Lines that somebody writes to the other end of a pseudo-terminal, until he has closed it."""
    rest = b""
    while True:
        try:
            block = os.read(descriptor, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # Linux: the other end is closed
                raise
            block = b""
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r").decode(errors="replace")
        if not block:
            if rest:
                yield rest.decode(errors="replace")
            return


class Chosen:
    """Files of the user's folder: what is copied of it, in order of their paths, and how to say so."""

    def __init__(self, folder: Path, files: list[Path], left: int) -> None:
        self.folder = folder
        self.files = files
        size = sum((folder / file).stat().st_size for file in files)
        part = f"the first {len(files):,} files" if left else f"its {len(files):,} files"
        self.introduction = (
            f"This is a story about the files of {folder}, which is only read: {part} ({megabytes(size)}) are copied"
            f"{f', {left:,} more are left out' if left else ''}."
        )
        self.size = size


def choose(folder: Path) -> Chosen:
    """Ordinary, readable files below the folder, up to a bound. Raises Trouble if there is none, or no room."""
    if not folder.is_dir():
        raise Trouble(f"no such folder: {folder}")
    files: list[Path] = []
    left = size = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in NOT_COPIED)
        for name in sorted(names):
            path = Path(parent) / name
            status = path.lstat()
            if name in NOT_COPIED or not stat.S_ISREG(status.st_mode) or not os.access(path, os.R_OK):
                continue
            if len(files) == MOST_FILES or size + status.st_size > MOST_BYTES:
                left += 1
                continue
            size += status.st_size
            files.append(path.relative_to(folder))
    if len(files) < 3:
        raise Trouble(f"{folder} holds {len(files)} files that can be read; the story needs three")
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < 4 * size:
        raise Trouble(f"{megabytes(4 * size)} are needed in {tempfile.gettempdir()}, {megabytes(free)} are free")
    return Chosen(folder, files, left)


def folder_story(chosen: Chosen, home: Path) -> list[Step]:
    """The user's files, told like the car's: some, then all, then one renamed and one removed."""
    many = max(1, len(chosen.files) * 3 // 5)
    first, second = chosen.files[:many], chosen.files[many:]
    named = next((file for file in first if "=" not in str(file)), first[0])  # --mv OLD=NEW
    old, new = named.as_posix(), named.with_name(f"renamed-{named.name}").as_posix()
    gone = second[-1].as_posix()

    def copy(files: list[Path]) -> dict[str, dict[str, str]]:
        for file in files:
            target = home / "data" / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(chosen.folder / file, target)
        return {}

    log = ("log-artifact", "dataset", "data")
    change = ("log-artifact", "dataset", "--base", "dataset:latest", "--mv", f"{old}={new}", "--rm", escape(gone))
    return [
        Step("A folder becomes a repository.", dict, (("init", "--project", "demo"),)),
        Step(f"{len(first):,} files are collected and become the first version.", lambda: copy(first), (log,)),
        Step(f"{len(second):,} more arrive in the same folder, which is logged again.", lambda: copy(second), (log,)),
        Step("A new version out of the latest: one file renamed, one removed, no file needed here.", dict, (change,)),
    ]


def home_bytes(home: Path) -> int:
    """Bytes of the repository's own folder."""
    return sum(path.stat().st_size for path in (home / ".art").rglob("*") if path.is_file())


def farewell(show: Show) -> None:
    """Where everything is, how to go on, how to remove it."""
    home = show.home
    sizes = [int(line) for line in show.ask("ls", "dataset", "--field", "size").split()]
    print()
    say(
        f"The {len(sizes)} versions of the dataset hold {megabytes(sum(sizes))} of files. "
        f"All that art keeps in {home / '.art'} takes {megabytes(home_bytes(home))}."
    )
    way_on(home, home, ("art ls", "art help"))


def way_on(place: Path, home: Path, commands: tuple[str, ...]) -> None:
    """How to go on by oneself in `place`, and how to remove `home`."""
    print("\nTo go on by yourself:")
    print(f'\n    export PATH={shlex.quote(str(BIN))}:"$PATH"')
    print(f"    cd {shlex.quote(str(place))}")
    print("".join(f"    {command}\n" for command in commands), end="")
    print("\nTo remove all that this has made:\n")
    made = [home, BIN.parent] if BIN.parent == CHECKOUT / ".venv" else [home]
    print("    rm -rf " + " ".join(shlex.quote(str(path)) for path in made))


def say(text: str) -> None:
    print(textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False))


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
