"""What a command says: data on stdout, all talk on stderr, in the form that flags and terminal ask for.

A command gets one `Console` (`ctx.obj`). It hands over items with their schema, lines and receipts, and never
asks itself whether a terminal listens.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from artcli.cli import formatting, tables
from artcli.cli.formatting import Item, Schema
from artcli.cli.options import Flags, enter_directories
from artcli.errors import ArtError, UsageError
from artcli.settings import Settings, find_repository
from artcli.wording import harmless, printable

if TYPE_CHECKING:
    from artcli.catalog.repository import Repository
    from artcli.progress import Progress

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}

_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n)|\r(?=\n)")
_HINTED = (2, 5, 6, 10)
"""Exit codes of mistakes that the user can put right: with these there is always a hint."""


def _settle_runs(repository: Repository) -> None:
    """Seal what dead processes have left of runs; costs a look into one folder where no run lives."""
    try:
        if not os.listdir(repository.path / "local" / "spool"):
            return
    except OSError:
        return  # no run was ever recorded here
    from artcli.catalog.runs import liveness

    if liveness.needs_care(repository):
        from artcli.flows.runs.seal import settle

        settle(repository)


class Console:
    """The flags, settings and streams of one command. `arguments` is the command line without `art`."""

    def __init__(self, arguments: Sequence[str] = (), out: TextIO | None = None, err: TextIO | None = None) -> None:
        self.flags = Flags()
        self.arguments = list(arguments)
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self._settings: Settings | None = None
        self._repository: Repository | None = None
        self.url: str | None = None
        """Of the place that is looked into, where `-C` names one."""
        self._color: str | None = None
        self.for_person = self.out.isatty()
        """Somebody sees stdout: human sizes and ages; else integers and RFC 3339. Talk is for persons in any case."""

    def begin(self, command: str) -> None:
        """Work where `-C` says. Called once, when the command line has been read.

        Raises `UsageError` (`only-a-view`) for a command that another place cannot serve.
        """
        self.url = enter_directories(self.flags.directories)
        if self.flags.directories:
            from artcli.cli import through

            self.url = through.looked_into(self.url, command)
        self._color = self.settings.text("color")

    # what holds for this command

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            here = Path.cwd()
            found = find_repository(here)
            self._settings = Settings(flags=self.flags.settings, repository=found, beside=None if found else here)
        return self._settings

    @property
    def project(self) -> str:
        return self.settings.text("project")

    @property
    def jobs(self) -> int | None:
        """Threads that the user wants; None leaves it to the flow."""
        return self.settings.number("jobs") or None

    @property
    def quiet(self) -> bool:
        return self.flags.quiet > 0

    def repository(self) -> Repository:
        """The repository of the directory, read to the end of its log, closed with the command; or exit code 10."""
        if self._repository is None and self.url is not None:
            from artcli.cli import through

            self._repository = through.view(self.url, self.settings)
        elif self._repository is None:
            from artcli.catalog.repository import Repository

            self._repository = Repository.open(Path.cwd(), self.settings.repository)
            _settle_runs(self._repository)
        return self._repository

    def look_again(self) -> None:
        """A repository was made by this command."""
        self._settings = None

    def close(self) -> None:
        """Let go of what the command had open."""
        if self._repository is not None:
            self._repository.close()
            self._repository = None

    # data, on stdout

    def when(self, moment: str | float) -> str:
        if self.for_person:
            return formatting.for_person(moment, "time", time.time())
        return str(formatting.plain(moment, "time"))

    def prints(self, schema: Schema) -> None:
        """Say, before anything is done, what is going to be printed; raises `UsageError` for a field it does not have.

        For a command that prints items of several kinds: until it knows which, it is only sure that one of them has it.
        """
        formatting.check_fields(self.flags.field, self.flags.format, [schema])

    def rows(self, schema: Schema, items: Iterable[Item], *, columns: Sequence[str] | None = None) -> None:
        """A list of items: aligned on a terminal, else TSV, or as --json, --format, --field, -q want it."""
        if self._special:
            self._each(schema, items, "\n")
        elif self.for_person:
            names = columns or schema.columns
            tables.aligned(self._write, schema, items, names, lambda title: self.style(title, "dim"))
        else:
            tables.separated(self._write, schema, items, columns or schema.columns, header=self.flags.header)

    def lines(self, schema: Schema, items: Iterable[Item], *, end: str = "\n") -> None:
        """A list of items of which only the key is printed, one a line: paths, references."""
        self._each(schema, items, end)

    def record(
        self, schema: Schema, item: Item, *, text: Callable[[], str] | None = None, receipt: str = "",
        summary: bool = False,
    ) -> None:  # fmt: skip
        """One item: `text` (its key by default) for a person, else as --json, --format, --field, -q want it.

        `receipt` goes to stderr; on a terminal that shows both, one that begins with the key stands for it.
        `summary` marks the last of several JSON Lines.
        """
        flags = self.flags
        if flags.json and not flags.field:
            kind = {"message_type": "summary"} if summary else {}
            document = {**kind, "schema": schema.title, **schema.document(item)}
            self._write(tables.dumps(document) + "\n")
        elif self._special or text is None:
            if not self._says_it(schema, item, receipt):
                self._each(schema, [item], "\n")
        elif page := text().rstrip("\n"):
            self._write(harmless(page, colored=self._colored(None)) + "\n")
        if receipt and not flags.json:
            self.say(receipt)

    def _says_it(self, schema: Schema, item: Item, receipt: str) -> bool:
        """Whether somebody who sees both streams would read the key twice."""
        if self._special or not (self.for_person and self.err.isatty()):
            return False
        key = schema.field(schema.key)
        return receipt.split("  ")[0] == formatting.for_program(item[key.name], key.kind)

    def event(self, message_type: str, document: Mapping[str, Any]) -> None:
        """One of a stream's JSON Lines; nothing without --json."""
        if self.flags.json:
            self._write(tables.dumps({"message_type": message_type, **document}) + "\n")

    def line(self, text: str = "") -> None:
        """A line of data, made harmless for a terminal; a pipe gets it as it is."""
        if self.flags.quiet < 2:
            shown = harmless(text, colored=self._colored(None)) if self.for_person else text
            self._write(shown + "\n")

    def raw(self, text: str) -> None:
        """What a program wrote, as it is; on a terminal made harmless, without what it overwrote itself."""
        if self.for_person:
            text = harmless(_OVERWRITTEN.sub("", text), colored=self._colored(None))
        self._write(text)
        self.out.flush()

    def text(self, text: str) -> None:
        """Lines of data, such as a page of help."""
        for line in text.rstrip("\n").split("\n"):
            self.line(line)

    def bytes_out(self) -> Any:
        """The binary stream for a file's own bytes. Raises UsageError where they would meet a terminal."""
        if self.for_person:
            raise UsageError("bytes-to-terminal", "bytes are not written to a terminal", hint=f"{self.again()} > FILE")
        self.out.flush()
        return self.out.buffer

    @property
    def _special(self) -> bool:
        return self.flags.want_items or self.quiet

    def _each(self, schema: Schema, items: Iterable[Item], end: str) -> None:
        flags = self.flags
        if flags.json and not flags.field:
            tables.json_list(self._write, schema, items)
            return
        lines = tables.chosen(schema, items, flags.field, flags.format, safe=self.for_person)
        safe = self.for_person and flags.format is None
        for line in tables.read_ahead(lines):
            if flags.quiet < 2:
                self._write((printable(line) if safe else line) + end)

    def _write(self, text: str) -> None:
        self.out.write(text)

    # talk, on stderr

    @staticmethod
    def size(count: int) -> str:
        """A size in a sentence, always for persons: in `cd "$(art use …)"` stdout is a pipe, and somebody reads on."""
        return formatting.size(count)

    def say(self, text: str) -> None:
        """A message: a receipt, what was inferred, what to do next. Not with -q."""
        if not self.quiet:
            self._tell(text)

    def detail(self, text: str) -> None:
        """A message for those who asked with -v."""
        if self.flags.verbose and not self.quiet:
            self._tell(text)

    def warn(self, text: str) -> None:
        """Something that the user should know though the work goes on. Not with -qq."""
        if self.flags.quiet < 2:
            self._tell(self.style("warning:", "yellow", self.err) + " " + text)

    def error(self, error: ArtError) -> None:
        """The error, what exists instead, and the command to try."""
        hint = error.hint or (f"art help {error.slug}" if error.exit_code in _HINTED else None)
        if self.flags.json:
            document = {
                "message_type": "error",
                "code": error.slug,
                "exit": error.exit_code,
                "message": error.message,
                "facts": list(error.facts),
                "hint": hint,
            }
            self._say_aloud(tables.dumps(document) + "\n")
            return
        lines = [self.style("error:", "red", self.err) + " " + printable(error.message)]
        lines += ["  " + printable(fact) for fact in error.facts]
        if hint:
            lines.append(self.style("hint:", "cyan", self.err) + " " + printable(hint))
        self._say_aloud("\n".join(lines) + "\n")

    def _tell(self, text: str) -> None:
        if self.for_person:
            self.out.flush()
        self._say_aloud(harmless(text, colored=self._colored(self.err)) + "\n")

    def _say_aloud(self, text: str) -> None:
        """To stderr; if that is on a full disk, nobody can be told, and what was done counts all the same."""
        try:
            self.err.write(text)
            self.err.flush()
        except BrokenPipeError:
            raise
        except OSError:
            pass  # as the docstring says

    def style(self, text: str, name: str, stream: TextIO | None = None) -> str:
        """The text in a colour or weight, where the stream shows it."""
        return f"\x1b[{_STYLES[name]}m{text}\x1b[0m" if self._colored(stream) else text

    def _colored(self, stream: TextIO | None) -> bool:
        if self._color is None:  # a mistake was met before the command began
            self._color = self._color_anyhow()
        seen = self.for_person if stream is None else stream.isatty()
        return self._color == "always" or (self._color == "auto" and seen and os.environ.get("TERM") != "dumb")

    def _color_anyhow(self) -> str:
        try:
            return self.settings.text("color")
        except (ArtError, OSError):
            return "never"

    # questions

    @property
    def can_ask(self) -> bool:
        """Somebody sits at a terminal and has not forbidden questions."""
        there = sys.stdin is not None and sys.stdin.isatty() and self.err.isatty()
        return there and not self.settings.truth("no-input")

    def confirm(self, question: str) -> None:
        """Go on only if the user wants it. Raises UsageError("confirmation-needed") if nobody can be asked."""
        if self.flags.yes:
            return
        if not self.can_ask:
            raise UsageError("confirmation-needed", f"not confirmed: {question}", hint=self.again("--yes"))
        self.err.write(f"{printable(question)} [y/N] ")
        self.err.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise ArtError("not-confirmed", "nothing was done")

    @property
    def wraps(self) -> bool:
        """Whether this is `art run -- CMD`, which ends as its command does."""
        return "--" in self.arguments and "run" in self.words()

    def die(self, number: int) -> None:
        """Die of a signal, so that whoever waits for us sees that; returns where it kills nobody."""
        import resource
        import signal

        self.close()
        with suppress(OSError):  # nobody reads it: the signal says more
            self.out.flush()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the core that counts is the command's
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def words(self) -> list[str]:
        """The arguments that are art's own: those before `--`."""
        end = self.arguments.index("--") if "--" in self.arguments else None
        return self.arguments[:end]

    def again(self, *more: str) -> str:
        """This command line once more, to paste."""
        from shlex import join

        return join(["art", *self.arguments, *more])

    # waiting

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """What a flow is given to tell how far it is."""
        from artcli.cli.progress import Shown

        shown = Shown(self._progress_mode(), self.err, self.warn, color=self._colored(self.err))
        try:
            yield shown
        finally:
            shown.close()

    def _progress_mode(self) -> str:
        mode = self.settings.text("progress")
        if self.quiet:
            return "off"
        if mode != "auto":
            return mode
        moving = self.err.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"
        return "bar" if moving else "plain"

    @contextmanager
    def pager(self) -> Iterator[None]:
        """Long output to a terminal goes through the pager. Leaving the pager early is no error."""
        command = self.settings.text("pager")
        if not (self.for_person and self.flags.page and command not in ("", "cat")):
            yield
            return
        import subprocess

        self.out.flush()
        process = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, text=True, errors="replace")
        assert process.stdin is not None
        terminal, self.out = self.out, process.stdin
        try:
            yield
            self.out.flush()
        except BrokenPipeError:
            pass  # the pager was left early
        finally:
            self.out = terminal
            try:
                process.stdin.close()
            except BrokenPipeError:
                pass  # it was left with something still to come
            process.wait()
