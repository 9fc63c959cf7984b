"""What `art serve` is told, made into a server: what it serves, whom it lets in, where it listens."""

from __future__ import annotations

import shlex
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from artcli.buckets.disk import DiskBucket
from artcli.buckets.urls import directory, open_bucket
from artcli.catalog.conditions import parse_size
from artcli.cli.console import Console
from artcli.errors import ArtError, NotFoundError, UsageError
from artcli.flows.meant import given
from artcli.web.announce import announced, name_of_machine
from artcli.web.app import Options
from artcli.web.certificates import fingerprint, write_certificate
from artcli.web.guard import ByToken, Guard, Open
from artcli.web.served import One, Places, Served, Several, folder_of
from artcli.web.serving import Tls, listen
from artcli.web.tokens import Tokens, file_of

HERE = ("127.0.0.1", "::1", "localhost")


class Wanted(NamedTuple):
    """The options of the command."""

    path: str | None
    many: bool
    storage: str | None
    tokens: str | None
    host: str | None
    port: int
    lan: bool
    auth: str
    i_know: bool
    insecure: bool
    certificate: str | None
    key: str | None
    verify: str
    quota: str | None
    append_only: bool

    @property
    def address(self) -> str:
        """Where it listens."""
        return self.host or ("0.0.0.0" if self.lan else HERE[0])

    @property
    def is_here(self) -> bool:
        """Whether no other machine can reach it."""
        return self.address in HERE


def options(wanted: Wanted) -> Options:
    """How it serves; raises `UsageError` (`bad-serve`)."""
    quota = None if wanted.quota is None else parse_size(wanted.quota)
    if wanted.quota is not None and not quota:
        raise _bad(f"a quota is a size such as 10GB, and this is none: {wanted.quota!r}")
    if wanted.verify not in ("quick", "full"):
        raise _bad(f"--verify is quick or full, not {wanted.verify!r}")
    return Options(append_only=wanted.append_only, full=wanted.verify == "full", quota=quota)


def places(console: Console, wanted: Wanted, stack: ExitStack) -> Places:
    """What it serves; `stack` ends with it.

    Raises `NotFoundError` (`no-place`), `UsageError` (`bad-serve`), and as `open_bucket`.
    """
    if wanted.storage is not None:
        if wanted.path is not None or wanted.many:
            raise _bad("--storage takes the place of DIR, and is one repository")
        if directory(wanted.storage) is None:
            own = stack.enter_context(tempfile.TemporaryDirectory(prefix="art-serve-"))
            return One(Served(open_bucket(wanted.storage), Path(own)))
    path = wanted.storage or wanted.path
    if wanted.many:
        return Several(Path(given(path or ".")).absolute())
    folder = console.repository().path if path is None else folder_of(Path(given(path)).absolute())
    return One(Served(DiskBucket(folder), folder))


def guard(wanted: Wanted, served: Places) -> Guard:
    """Whom it lets in: with a file of tokens nobody without one.

    Raises `UsageError` (`not-open`, `bad-serve`), `NotFoundError` (`no-such-path`), `IntegrityError`
    (`damaged-tokens`).
    """
    if wanted.auth not in ("token", "none"):
        raise _bad(f"--auth is token or none, not {wanted.auth!r}")
    if wanted.auth == "none":
        if not wanted.is_here and not wanted.i_know:
            raise UsageError(
                "not-open",
                "without tokens whoever reaches this server reads and writes all",
                hint="art token create NAME",
            )
        return Open(here=wanted.is_here)
    if wanted.tokens is not None and not Tokens(_tokens_file(wanted, Path())).exist:
        raise NotFoundError(
            "no-such-path", f"there is no file of tokens {wanted.tokens}",
            hint=f"art token create NAME --tokens {shlex.quote(wanted.tokens)}",
        )  # fmt: skip
    if not _has_tokens(wanted, served) and not wanted.is_here:
        raise UsageError(
            "not-open", f"a server that other machines reach, as {wanted.address} lets them, needs tokens",
            hint="art token create NAME",
        )  # fmt: skip

    def tokens_of(place: Served) -> Tokens:
        return Tokens(_tokens_file(wanted, place.path))

    return ByToken(tokens_of, here=wanted.is_here and wanted.tokens is None)


def _has_tokens(wanted: Wanted, served: Places) -> bool:
    if wanted.tokens is None and isinstance(served, Several):
        return True  # each of them asks for its own
    one = served.find("")
    return bool(Tokens(_tokens_file(wanted, one.path if one else Path())).all())


def _tokens_file(wanted: Wanted, place: Path) -> Path:
    return Path(given(wanted.tokens)).absolute() if wanted.tokens is not None else file_of(place)


def tls(wanted: Wanted, served: Places) -> Tls | None:
    """Its certificate, with --lan one of its own making.

    Raises `UsageError` (`not-open`, `bad-serve`), `NotFoundError` (`no-such-path`), `ArtError` (`extra-missing`).
    """
    if (wanted.certificate is None) != (wanted.key is None):
        raise _bad("--tls-cert and --tls-key go together")
    if wanted.certificate is None or wanted.key is None:
        if wanted.lan:
            return Tls(*write_certificate(served.own / "local" / "tls", [name_of_machine()]))
        if not wanted.is_here and not wanted.insecure:
            raise UsageError(
                "not-open", "tokens and data would go over the network for all to read",
                facts=["--tls-cert FILE --tls-key FILE encrypt it; --insecure, behind a proxy that does so"],
                hint="art help not-open",
            )  # fmt: skip
        return None
    for file in (wanted.certificate, wanted.key):
        if not Path(given(file)).is_file():
            raise NotFoundError("no-such-path", f"no file {file}")
    found = Tls(Path(given(wanted.certificate)), Path(given(wanted.key)))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*found, password=lambda: b"")  # and nobody is asked
    except (ssl.SSLError, OSError) as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        why = f" ({reason.lower().replace('_', ' ')})" if reason else ""
        names = f"{wanted.certificate}, {wanted.key}"
        raise _bad(f"no certificate and its key, in PEM and without a password: {names}{why}") from None
    return found


def listening(wanted: Wanted) -> socket.socket:
    """Where it listens; raises `ArtError` (`cannot-listen`)."""
    try:
        return listen(wanted.address, wanted.port)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ArtError(
            "cannot-listen", f"cannot listen at {wanted.address}, port {wanted.port}: {reason}",
            hint="art serve --port 0",
        ) from None  # fmt: skip


def url_of(listener: socket.socket, wanted: Wanted) -> str:
    host = f"[{wanted.address}]" if ":" in wanted.address else wanted.address
    return f"{'https' if wanted.certificate or wanted.lan else 'http'}://{host}:{listener.getsockname()[1]}"


def access_log(console: Console) -> Callable[[str], None]:
    """Writes a line a request to stderr."""

    def write(line: str) -> None:
        try:
            console.say(line)
        except OSError:
            pass  # whoever read the log has gone: that is no reason to stop serving

    return write


@contextmanager
def told(console: Console, wanted: Wanted, certificate: Tls | None, listener: socket.socket) -> Iterator[None]:
    """Announce it in the local network in the block, if that is wanted; raises as `announced`."""
    if not wanted.lan or certificate is None:
        yield
        return
    name, pin = name_of_machine(), fingerprint(certificate.certificate)
    with announced(name, wanted.address, listener.getsockname()[1], pin):
        console.say(f"on another machine of this network: art remote add {name} art+lan://{name}/{pin}")
        yield


def _bad(message: str) -> UsageError:
    return UsageError("bad-serve", message, hint="art serve --help")
