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
from typing import Any, ClassVar, NamedTuple
from urllib.parse import unquote, urlsplit

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

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
        self._pool = _Pool(command(target(url)))
        weakref.finalize(self, self._pool.close)  # also at the program's end, so that ssh ends before it

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None,
        limit: int | None = None,
    ) -> Answer:  # fmt: skip
        """See `Line.request`. Raises also `AuthError` (`not-permitted`), `NotFoundError` (`no-place`, `no-art`)."""
        told = {"Accept-Encoding": "identity", **(headers or {})}
        try:
            return exchange(self._pool, self.place, method, path, told, body, limit, self.meter)
        except Passing as failure:
            raise self._explained(failure) from None

    def _explained(self, failure: Passing) -> NetworkError | AuthError | NotFoundError:
        """The failure, with what ssh or the other side said of it."""
        said, code = self._pool.farewell()
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
    """One ssh, of which our end of a pair of sockets is stdin and stdout."""

    words: ClassVar[list[str]]
    said: ClassVar[tuple[str, int | None]] = ("", None)
    process: subprocess.Popen[bytes] | None = None
    errors: Any = None

    def _new_conn(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  closed when ssh has ended
        try:
            self.process = subprocess.Popen(
                self.words, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=self.errors
            )
        except OSError as error:
            ours.close()
            self.errors.close()
            raise NetworkError(
                "remote-unreachable", f"{self.words[0]} cannot be started: {(error.strerror or str(error)).lower()}",
                hint="art help remote-unreachable",
            ) from error  # fmt: skip
        finally:
            theirs.close()
        ours.settimeout(self.timeout if isinstance(self.timeout, (int, float)) else None)
        return ours

    def close(self) -> None:
        super().close()
        process, self.process = self.process, None
        if process is None:
            return
        try:
            code: int | None = process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
            code = None
        self.errors.seek(0)
        type(self).said = self.errors.read()[-SAID:].decode(errors="replace").strip(), code
        self.errors.close()


class _Pool(HTTPConnectionPool):
    """The one connection, made anew where it broke."""

    def __init__(self, words: list[str]) -> None:
        super().__init__("art", maxsize=1, block=True)

        class Connection(_Connection):
            pass

        Connection.words = words
        self.ConnectionCls = self._one = Connection
        self._lock = threading.Lock()

    def farewell(self) -> tuple[str, int | None]:
        """What the last ssh that ended said, and its exit code; then it is forgotten."""
        with self._lock:
            said: tuple[str, int | None] = self._one.said
            self._one.said = "", None
            return said
