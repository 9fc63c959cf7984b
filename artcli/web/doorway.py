"""What is behind `/v1`: the verbs of a bucket, judged (see FORMAT.md)."""

from __future__ import annotations

import re
import time

from blake3 import blake3
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response

from artcli import __version__
from artcli.buckets.incoming import Incoming
from artcli.web import batches, objects, putting
from artcli.web.answers import Refused
from artcli.web.app import Call, Routes, Way
from artcli.web.bodies import check_body
from artcli.web.guard import ADMIN, READ, WRITE
from artcli.web.keys import Kind, kind_of, number_of

API = 1
_PLAIN = re.compile(r"[A-Za-z0-9_./-]*", re.ASCII)
"""The letters of keys: none of them is ever sent in another form."""


async def info(call: Call) -> Response:
    options = call.app.options
    features = {
        "batch": True,
        "put-if-absent": True,
        "delete": not options.append_only,
        "append-only": options.append_only,
        "judged": options.judged,
    }
    limits = {
        **{kind.name.lower(): kind.limit for kind in Kind if kind is not Kind.OTHER},
        "list": objects.LISTED,
        "batch": {"pieces": batches.PIECES, "size": batches.SIZE},
    }
    document = {
        "api": API, "art": __version__, "place": call.served.place, "limits": limits,
        "features": [name for name, there in features.items() if there], "now": time.time(),
        "scope": call.bearer.scope_name,
    }  # fmt: skip
    return JSONResponse(document, headers={"Cache-Control": "no-store"})


async def get(call: Call) -> Response:
    key, kind = _key(call)
    return await run_in_threadpool(objects.get, call.served, key, kind, call.request)


async def put(call: Call) -> Response:
    key, kind = _key(call)
    digest = putting.declared_digest(call.request, key, kind)
    size = putting.declared_length(call.request, kind.limit)
    if (answer := await objects.existing(call.served, key, kind, digest)) is not None:
        return answer
    with call.desk.quota.room(size):
        if kind is Kind.ENTRY and call.app.options.judged:
            placed = await _commit(call, key, kind, digest)
        else:
            placed = await putting.put(call.served, key, call.request, _checks(call, key, kind), digest)
    await run_in_threadpool(call.desk.tidy)
    if placed:
        return JSONResponse({"existed": False, "digest": digest}, 201)
    if (answer := await objects.existing(call.served, key, kind, digest)) is not None:
        return answer
    raise Refused(503, "name-taken", "the name was taken and is free again: try again", headers={"Retry-After": "1"})


def _checks(call: Call, key: str, kind: Kind) -> putting.Check:
    options = call.app.options

    def check(incoming: Incoming) -> None:
        if options.judged:
            check_body(call.served.bucket, call.served.place, key, kind, incoming.view(), full=options.full)

    return check


async def _commit(call: Call, key: str, kind: Kind, digest: str) -> bool:
    data = await objects.small_body(call.request, kind.limit)
    if blake3(data).hexdigest() != digest:
        raise putting.wrong_digest()
    return await call.app.heavily(lambda: call.desk.ledger.add(number_of(key), data, call.bearer))


async def delete(call: Call) -> Response:
    key, kind = _key(call)
    if call.app.options.append_only:
        raise Refused(403, "append-only", "this server never deletes")
    return await run_in_threadpool(objects.delete, call.served, key, kind)


async def list_(call: Call) -> Response:
    return objects.list_(call.served, call.request, not call.app.options.judged)


async def batch(call: Call) -> Response:
    return await batches.batch(call.served, call.request, not call.app.options.judged)


async def metrics(call: Call) -> Response:
    return PlainTextResponse(call.app.metrics.text(call.name), headers={"Cache-Control": "no-store"})


def _key(call: Call) -> tuple[str, Kind]:
    kind = kind_of(call.rest, any_key=not call.app.options.judged) if _PLAIN.fullmatch(call.rest) else None
    if kind is None:
        raise Refused(400, "bad-key", "that is no key of an object")
    return call.rest, kind


DOORWAY: Routes = {
    "/v1/info": {"GET": Way(info, READ)},
    "/v1/o/": {"GET": Way(get, READ), "HEAD": Way(get, READ), "PUT": Way(put, WRITE), "DELETE": Way(delete, ADMIN)},
    "/v1/list": {"GET": Way(list_, READ)},
    "/v1/batch": {"POST": Way(batch, READ)},
    "/metrics": {"GET": Way(metrics, READ)},
}
