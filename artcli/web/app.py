"""The server as an ASGI application: whole paths in a white list, each with its methods and the scope it needs.

Whatever goes wrong becomes a line of JSON (`answers`). Work with files is done in threads; this module only decides
who does it, who may, and what is told of it afterwards.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from artcli.buckets.disk import DiskBucket
from artcli.catalog.facts import timestamp
from artcli.catalog.repository import Repository
from artcli.errors import ArtError
from artcli.web.answers import Refused, refusal
from artcli.web.guard import Bearer, Guard
from artcli.web.keys import Kind
from artcli.web.ledger import Ledger
from artcli.web.metrics import Metrics
from artcli.web.pages import layout
from artcli.web.quota import Quota
from artcli.web.served import Places, Served

T = TypeVar("T")
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

_BASE = re.compile(r"/([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})(/.*)", re.ASCII)
HEAVY = 4
"""Commits and versions that are made at one time; others wait."""
TIDY = 3600.0
"""Seconds between two looks for files that killed servers have left, and their least age."""
METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})


class Options(NamedTuple):
    """How a server serves."""

    append_only: bool = False
    """Nothing is deleted, by whatever token."""
    judged: bool = True
    """Objects are what their names say, or are refused; else any key of a bucket may be kept."""
    full: bool = False
    """Every chunk of a pack is decoded before the pack is there."""
    quota: int | None = None
    """Bytes that a place may hold."""


class Reading:
    """A place as a repository that answers questions, to one thread at a time."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._lock = threading.Lock()
        self._repository: Repository | None = None

    @contextmanager
    def __call__(self) -> Iterator[Repository]:
        with self._lock:
            if self._repository is None:
                self._repository = Repository(self._served.path, self._served.bucket)
            yield self._repository

    def close(self) -> None:
        if self._repository is not None:
            self._repository.close()


class Desk:
    """What is done for one place while the server runs."""

    def __init__(self, served: Served, options: Options) -> None:
        self.served = served
        self.ledger = Ledger(served)
        self.quota = Quota(served.bucket, options.quota)
        self.making = threading.RLock()
        """Held while a version is made of what was uploaded: the same request sent twice makes one."""
        self.repository = Reading(served)
        self.pages = Reading(served)
        """The same for pages: what a run has said may take long to add up, and who asks for a file does not wait."""
        self._tidied = -TIDY

    def tidy(self) -> None:
        """Remove what broken uploads have left, now and then."""
        if time.monotonic() - self._tidied < TIDY:
            return
        self._tidied = time.monotonic()
        if isinstance(self.served.bucket, DiskBucket):
            self.served.bucket.sweep_temporary(TIDY)

    def close(self) -> None:
        self.ledger.close()
        self.repository.close()
        self.pages.close()


class Call(NamedTuple):
    """A request that may go on."""

    app: App
    request: Request
    desk: Desk
    name: str
    """Of the repository, where there are several."""
    rest: str
    """What stands behind the route's own part of the path, as it was sent."""
    bearer: Bearer

    @property
    def served(self) -> Served:
        return self.desk.served


Handler = Callable[[Call], Awaitable[Response]]


class Way(NamedTuple):
    """How a path is answered with one of its methods."""

    handler: Handler
    scope: int
    """That it needs."""
    is_page: bool = False
    """A browser asks: a token is the password of Basic, too, and a refusal is a page."""


Routes = dict[str, dict[str, Way]]
"""Path, or the beginning of paths if it ends with a slash; methods; how it is answered."""


class App:
    """`places` over HTTP."""

    def __init__(
        self, places: Places, guard: Guard, routes: Routes, options: Options | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:  # fmt: skip
        """`log` is given a line a request."""
        self.places = places
        self.guard = guard
        self.options = options or Options()
        self.metrics = Metrics()
        self._heavy = CapacityLimiter(HEAVY)
        self._routes = routes
        self._log = log or (lambda line: None)
        self._desks: dict[str, Desk] = {}
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        told = _Told(receive, send)
        request = Request(scope, told.receive)
        started = time.monotonic()
        try:
            response = await self._answer(request, told)
        except Refused as refused:
            told.who = refused.who or told.who
            response = told.refusal(refused)
        except ArtError as error:
            response = told.refusal(refusal(error))
        except ClientDisconnect:
            told.note = "gone"
            response = None
        except Exception as error:  # a mistake of ours is told in the log, by its kind, and the server lives on
            told.note = f"bug {type(error).__name__}"
            response = Refused(500, "bug", "a mistake in the server itself").response()
        try:
            if response is not None:
                if response.status_code >= 300 and _is_endless(request):
                    response.headers["Connection"] = "close"
                await response(scope, told.receive, told.send)
        finally:
            seconds = time.monotonic() - started
            method = request.method if request.method in METHODS else "OTHER"
            self.metrics.count(told.name, method, told.status, told.received, told.sent, seconds)
            self._log(_line(request, told, seconds))

    async def _answer(self, request: Request, told: _Told) -> Response:
        path = request.scope["raw_path"].decode("latin-1")
        if "content-length" in request.headers and "transfer-encoding" in request.headers:
            raise Refused(
                400, "two-lengths", "a request states Content-Length or Transfer-Encoding, not both",
                headers={"Connection": "close"},
            )  # fmt: skip
        if path == "/healthz":
            _check_method(request, ("GET", "HEAD"))
            return Response(None, 204, {"Cache-Control": "no-store"})
        name, path = self._base(path)
        for prefix, methods in self._routes.items():
            if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
                way = methods[_check_method(request, methods)]
                told.is_page = way.is_page
                call = await run_in_threadpool(self._admit, request, name, path[len(prefix) :], way)
                told.who, told.name = call.bearer.name, name
                return await way.handler(call)
        raise Refused(404, "no-such-path", "there is nothing under this path")

    async def heavily(self, function: Callable[[], T]) -> T:
        """The result of a call that takes long and may wait for others of its kind.

        It is made in a thread, a few at a time, so that threads are left for who only reads.
        """
        return await run_sync(function, limiter=self._heavy)

    def _base(self, path: str) -> tuple[str, str]:
        if not self.places.is_several:
            return "", path
        found = _BASE.fullmatch(path)
        if not found:
            raise Refused(404, "no-such-path", "there is nothing under this path")
        return found[1], found[2]

    def _admit(self, request: Request, name: str, rest: str, way: Way) -> Call:
        served = self.places.find(name)
        bearer = self.guard.admit(request, served, way.scope, is_page=way.is_page)
        if served is None:
            raise Refused(404, "no-such-repository", "this server has no repository of that name")
        with self._lock:
            desk = self._desks.get(name) or self._desks.setdefault(name, Desk(served, self.options))
        return Call(self, request, desk, name, rest, bearer)

    def close(self) -> None:
        for desk in self._desks.values():
            desk.close()


class _Told:
    """What is known of a request and its answer for the log."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.status = 0
        self.received = self.sent = 0
        self.who, self.name = "-", ""
        self.note = ""
        self.is_page = False

    async def receive(self) -> Any:
        message = await self._receive()
        self.received += len(message.get("body", b""))
        return message

    def refusal(self, refused: Refused) -> Response:
        """As who asks can read it: a page, or JSON."""
        return layout.refusal(refused) if self.is_page else refused.response()

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.sent += len(message.get("body", b""))
        await self._send(message)


def _check_method(request: Request, methods: Any) -> str:
    if request.method not in methods:
        raise Refused(405, "bad-method", "this path knows other methods", headers={"Allow": ", ".join(methods)})
    return request.method


def _is_endless(request: Request) -> bool:
    """Whether the body of a refused request would take long to come, for nobody."""
    length = request.headers.get("content-length", "0")
    return "transfer-encoding" in request.headers or not length.isdecimal() or int(length) > Kind.PACK.limit


def _line(request: Request, told: _Told, seconds: float) -> str:
    """A line of the access log; the query is left out, for it may hold what is nobody's business."""
    client = request.client.host if request.client else "-"
    path = request.scope["raw_path"].decode("latin-1")[:600].encode("unicode_escape").decode()
    method = request.method if request.method in METHODS else "OTHER"
    parts = [
        timestamp(time.time()), client, told.who, method, path, str(told.status), str(told.received), str(told.sent),
        f"{seconds * 1000:.0f}ms",
    ]  # fmt: skip
    return " ".join([*parts, *([told.note] if told.note else [])])
