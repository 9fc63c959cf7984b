"""The server as an ASGI application: whole paths in a white list, each with its methods and the scope it needs.

Whatever goes wrong becomes a line of JSON (`answers`). Work with files is done in threads; this module only decides
who does it, who may, and what is told of it afterwards.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from artcli import __version__
from artcli.errors import ArtError
from artcli.web import objects, putting
from artcli.web.answers import Refused, refusal
from artcli.web.guard import ADMIN, READ, WRITE, Bearer, Guard
from artcli.web.keys import Kind, kind_of
from artcli.web.served import Places, Served

API = 1
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

_BASE = re.compile(r"/([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})(/.*)", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9_./-]*", re.ASCII)


class Options(NamedTuple):
    """How a server serves."""

    append_only: bool = False
    """Nothing is deleted, by whatever token."""
    judged: bool = True
    """Objects are what their names say, or are refused; else any key of a bucket may be kept."""


class Call(NamedTuple):
    """A request that may go on."""

    request: Request
    served: Served
    rest: str
    """What stands behind the route's own part of the path."""
    bearer: Bearer


class App:
    """`places` over HTTP."""

    def __init__(self, places: Places, guard: Guard, options: Options | None = None,
                 log: Callable[[str], None] | None = None) -> None:  # fmt: skip
        """`log` is given a line a request."""
        self.places = places
        self.guard = guard
        self.options = options or Options()
        self._log = log or (lambda line: None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        told = _Told(send)
        started = time.monotonic()
        try:
            response = await self._answer(request, told)
        except Refused as refused:
            response = refused.response()
        except ArtError as error:
            response = refusal(error).response()
        except ClientDisconnect:
            return
        except Exception as error:  # a mistake of ours is told in the log, by its kind, and the server lives on
            told.note = f"bug {type(error).__name__}"
            response = Refused(500, "bug", "a mistake in the server itself").response()
        if _is_endless(request) and not 200 <= response.status_code < 300:
            response.headers["Connection"] = "close"
        try:
            await response(scope, receive, told.send)
        finally:
            self._log(_line(request, told, time.monotonic() - started))

    async def _answer(self, request: Request, told: _Told) -> Response:
        path = request.scope["raw_path"].decode("latin-1")
        headers = request.headers
        if "content-length" in headers and "transfer-encoding" in headers:
            raise Refused(400, "two-lengths", "a request states Content-Length or Transfer-Encoding, not both")
        if path == "/healthz":
            _check_method(request, ("GET", "HEAD"))
            return Response(None, 204, {"Cache-Control": "no-store"})
        name, path = self._base(path)
        for prefix, methods in _ROUTES.items():
            if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
                handler, scope = methods[_check_method(request, methods)]
                return await self._call(handler, scope, request, name, path[len(prefix) :], told)
        raise Refused(404, "no-such-path", "there is nothing under this path")

    def _base(self, path: str) -> tuple[str, str]:
        if not self.places.is_several:
            return "", path
        found = _BASE.fullmatch(path)
        if not found:
            raise Refused(404, "no-such-path", "there is nothing under this path")
        return found[1], found[2]

    async def _call(
        self, handler: Handler, scope: int, request: Request, name: str, rest: str, told: _Told
    ) -> Response:
        served = await run_in_threadpool(self.places.find, name)
        bearer = await run_in_threadpool(self.guard.admit, request, served, scope)
        told.who = bearer.name
        if served is None:
            raise Refused(404, "no-such-repository", "this server has no repository of that name")
        return await handler(self, Call(request, served, rest, bearer))

    # What is behind each path

    async def info(self, call: Call) -> Response:
        return JSONResponse(
            {
                "api": API,
                "art": __version__,
                "place": call.served.place,
                "limits": {
                    **{kind.name.lower(): kind.limit for kind in Kind if kind is not Kind.OTHER},
                    "list": objects.LISTED,
                    "batch": {"pieces": objects.BATCH_PIECES, "size": objects.BATCH_SIZE},
                },
                "features": [name for name, there in self._features().items() if there],
                "now": time.time(),
                "scope": call.bearer.scope_name,
            },
            headers={"Cache-Control": "no-store"},
        )

    def _features(self) -> dict[str, bool]:
        return {
            "batch": True,
            "put-if-absent": True,
            "delete": not self.options.append_only,
            "append-only": self.options.append_only,
            "judged": self.options.judged,
        }

    async def get(self, call: Call) -> Response:
        key, kind = self._key(call)
        return await run_in_threadpool(objects.get, call.served, key, kind, call.request)

    async def put(self, call: Call) -> Response:
        key, kind = self._key(call)
        digest = putting.declared_digest(call.request, key, kind)
        putting.declared_length(call.request, kind.limit)
        return await putting.put(call.served, key, kind, call.request, putting.check_nothing, digest)

    async def delete(self, call: Call) -> Response:
        key, kind = self._key(call)
        if self.options.append_only:
            raise Refused(403, "append-only", "this server never deletes")
        return await run_in_threadpool(objects.delete, call.served, key, kind)

    async def list(self, call: Call) -> Response:
        return objects.list_(call.served, call.request, not self.options.judged)

    async def batch(self, call: Call) -> Response:
        return await objects.batch(call.served, call.request, not self.options.judged)

    def _key(self, call: Call) -> tuple[str, Kind]:
        kind = kind_of(call.rest, any_key=not self.options.judged) if _PLAIN.fullmatch(call.rest) else None
        if kind is None:
            raise Refused(400, "bad-key", "that is no key of an object")
        return call.rest, kind


Handler = Callable[[App, Call], Awaitable[Response]]
Methods = dict[str, tuple[Handler, int]]

_ROUTES: dict[str, Methods] = {
    "/v1/info": {"GET": (App.info, READ)},
    "/v1/o/": {
        "GET": (App.get, READ),
        "HEAD": (App.get, READ),
        "PUT": (App.put, WRITE),
        "DELETE": (App.delete, ADMIN),
    },
    "/v1/list": {"GET": (App.list, READ)},
    "/v1/batch": {"POST": (App.batch, READ)},
}


class _Told:
    """What is known of an answer for the log."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.size = 0
        self.who = "-"
        self.note = ""

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.size += len(message.get("body", b""))
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
    parts = [client, told.who, request.method, path, str(told.status), str(told.size), f"{seconds * 1000:.0f}ms"]
    return " ".join([*parts, *([told.note] if told.note else [])])
