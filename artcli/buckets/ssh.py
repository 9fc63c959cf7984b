"""A place on a machine that ssh reaches: `art serve --stdio` there, and HTTP over the pipe to it.

ssh is the user's own, with his keys, hosts and `~/.ssh/config`. It is started with the first request, serves one after
the other, and is started anew where it ended. It asks nothing (`BatchMode`), for nobody may be there to answer; what it
says is in the error. ART_SSH is another command for ssh, ART_SSH_COMMAND another one for art on the other side.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from artcli.buckets.connections import CONNECT, close_if_dead
from artcli.buckets.limited import Meter
from artcli.buckets.line import Answer, exchange
from artcli.buckets.retry import Passing, unreachable
from artcli.errors import AuthError, NetworkError, NotFoundError, UsageError

FAREWELL = 5.0
"""Seconds that ssh has to end when the line is closed."""
SAID = 2000
"""Characters of what ssh said that are looked at."""

_HOST = re.compile(r"[A-Za-z0-9_:][A-Za-z0-9_.:%-]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\\-]*")
_NEVER = ("Permission denied", "Host key verification failed", "Too many authentication failures")
_NOT_YET = ("ssh: connect to host", "Could not resolve hostname")
"""What ssh says where no connection came about, so that nothing can have happened on the other side."""


class Target(NamedTuple):
    """What a URL of ssh names."""

    user: str
    host: str
    port: int | None
    path: str
    """As the shell there is to be given it; from the home directory if it begins with `~/`."""


def target(url: str) -> Target:
    """Raises `UsageError` (`bad-url`); no host or user can be taken for an option of ssh."""
    try:
        parts = urlsplit(url)
        user, host, port, path = parts.username or "", parts.hostname or "", parts.port, unquote(parts.path)
    except ValueError:
        user = host = path = ""
        port = None
    path = path[1:] if path.startswith("/~/") else path.rstrip("/") or "/"
    if not _HOST.fullmatch(host) or (user and not _USER.fullmatch(user)) or not path.isprintable() or path == "/":
        raise UsageError(
            "bad-url", f"not an address for ssh: {url}", facts=["such as ssh://user@host/srv/art"],
            hint="art help bad-url",
        )  # fmt: skip
    return Target(user, host, port, path)


def command(target: Target, environment: Mapping[str, str] = os.environ) -> list[str]:
    """What is started here."""
    words = shlex.split(environment.get("ART_SSH", "ssh -o BatchMode=yes"))
    port = ["-p", str(target.port)] if target.port else []
    where = f"{target.user}@{target.host}" if target.user else target.host
    art = environment.get("ART_SSH_COMMAND", "art")
    quoted = f"~/{shlex.quote(target.path[2:])}" if target.path.startswith("~/") else shlex.quote(target.path)
    return [*words, *port, where, f"{art} serve --stdio {quoted}"]


class SshLine:
    """To the place that `url` names; the one line there is, which threads take in turns."""

    def __init__(self, url: str) -> None:
        """Starts nothing yet; raises as `target`."""
        self.place = url
        self.meter = Meter()
        self._connection = _Connection(command(target(url)))
        self._turn = threading.Lock()
        weakref.finalize(self, self._connection.close)  # also at the program's end, so that ssh ends before it

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None,
        limit: int | None = None,
    ) -> Answer:  # fmt: skip
        """See `Line.request`. Raises also `AuthError` (`not-permitted`), `NotFoundError` (`no-place`, `no-art`)."""
        told = {"Accept-Encoding": "identity", **(headers or {})}
        with self._turn:
            close_if_dead(self._connection)
            try:
                return exchange(self._connection, self.place, method, path, told, body, limit, self.meter)
            except Passing as failure:
                raise self._explained(failure) from None

    def _explained(self, failure: Passing) -> NetworkError | AuthError | NotFoundError:
        """The failure, with what ssh or the other side said of it."""
        said, code = self._connection.farewell()
        if code is None:
            return failure
        lines = said.splitlines() or [f"ssh ended with {code}"]
        # art says what is wrong, and then what may be done about it over there
        last = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), lines[-1])
        if any(word in said for word in _NEVER):
            return AuthError("not-permitted", f"{self.place}: {last}", hint="art help not-permitted")
        if code == 127 or "command not found" in said:
            return NotFoundError("no-art", f"there is no art at {self.place}: {last}", hint="art help no-art")
        if "no repository" in said:
            return NotFoundError("no-place", f"{self.place}: {last}", hint="art help no-place")
        return unreachable(self.place, last, connected=not any(word in said for word in _NOT_YET))


class _Connection(HTTPConnection):
    """One ssh, of which our end of a pair of sockets is stdin and stdout; another one after it has ended."""

    def __init__(self, words: list[str]) -> None:
        super().__init__("art", timeout=CONNECT)
        self._words = words
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: Any = None
        self._said: tuple[str, int | None] = "", None

    def connect(self) -> None:
        ours, theirs = socket.socketpair()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed when ssh has ended
        try:
            self._process = subprocess.Popen(
                self._words, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=self._errors
            )
        except OSError as error:
            ours.close()
            self._errors.close()
            raise NetworkError(
                "remote-unreachable", f"{self._words[0]} cannot be started: {(error.strerror or str(error)).lower()}",
                hint="art help remote-unreachable",
            ) from error  # fmt: skip
        finally:
            theirs.close()
        self.sock = ours

    def close(self) -> None:
        super().close()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            code: int | None = process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
            code = None
        self._errors.seek(0)
        self._said = self._errors.read()[-SAID:].decode(errors="replace").strip(), code
        self._errors.close()

    def farewell(self) -> tuple[str, int | None]:
        """What the last ssh that ended said, and its exit code; then it is forgotten."""
        said, self._said = self._said, ("", None)
        return said
