"""Machines without art: files of versions come and go with nothing but HTTP."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from artcli.catalog.manifest import FILE, REFERENCE, Entry
from artcli.catalog.repository import Repository
from artcli.content import digest_of
from artcli.flows.drafting import Drafting
from artcli.flows.log_artifact import Request
from artcli.web.drafts import Draft, Drafts
from artcli.web.guard import WRITE, Bearer
from artcli.web.making import _Fresh
from artcli.web.uploads import Wish
from tests.kit.command_line import Art
from tests.kit.strict_disk import StrictDisk
from tests.web.conftest import Serve
from tests.web.kit import Server
from tests.web.test_tokens import token

LARGE = bytes(range(256)) * 40_000
"""10 MB, in many chunks."""
STRANGE = b"sub/a b\xc3\xa9%41\xff.txt"


@pytest.fixture
def shelf(art: Art) -> Art:
    """A repository with `data:v0` and `data:v1`, which leads to `best`, in project `car`."""
    data = art.directory / "data"
    (data / "sub").mkdir(parents=True)
    (data / "large.bin").write_bytes(LARGE)
    (data / "small").write_bytes(b"first")
    (data / "run.sh").write_bytes(b"#!/bin/sh\n")
    (data / "run.sh").chmod(0o755)
    (data / "link").symlink_to("sub/x")
    (data / "sub" / "x").write_bytes(b"x" * 1000)
    (data / "empty").mkdir()
    with open(os.fsencode(data) + b"/" + STRANGE, "wb") as file:
        file.write(b"strange")
    assert art("init", "--project", "car").code == art("log-artifact", "data", "data").code == 0
    (data / "small").write_bytes(b"second")
    assert art("log-artifact", "data", "data", "--alias", "best").code == 0
    return art


@pytest.fixture
def server(serve: Serve, shelf: Art) -> Server:
    return serve(shelf.directory)


def archive(*members: tuple[str, bytes] | tarfile.TarInfo, format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def special(name: str, type: bytes, linkname: str = "", **more: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = type, linkname
    for key, value in more.items():
        setattr(info, key, value)
    return info


def names(tar: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        return opened.getnames()


# --- reading ---


def test_a_file_whole_and_in_parts(server: Server) -> None:
    whole = server("GET", "/files/car/data:best/large.bin")
    assert (whole.status, whole.body) == (200, LARGE)
    assert whole.headers["etag"] == f'"b3-{digest_of(LARGE).hex()}"'
    assert whole.headers["x-art-version"] == "car/data:v1"
    assert whole.headers["content-disposition"].startswith("attachment;")
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in whole.headers["content-security-policy"]
    assert whole.headers["content-type"] == "application/octet-stream"
    path = "/files/car/data:v1/large.bin"
    for wanted, data in [
        ("5-9", LARGE[5:10]),
        ("9999990-", LARGE[9999990:]),
        ("-7", LARGE[-7:]),
        ("0-99999999", LARGE),
    ]:
        part = server("GET", path, headers={"Range": f"bytes={wanted}"})
        assert (part.status, part.body) == (206, data)
    for wanted in ("99999999-", "9-5", "-", "a-b", "0-1,3-4", "-0"):
        assert server("GET", path, headers={"Range": f"bytes={wanted}"}).status == 416
    assert server("GET", path, headers={"Range": "bytes=0-4", "If-Range": '"other"'}).status == 200
    assert server("GET", path, headers={"If-None-Match": whole.headers["etag"]}).status == 304
    head = server("HEAD", path)
    assert (head.status, head.headers["content-length"], head.body) == (200, str(len(LARGE)), b"")


def test_names_as_they_are_sent(server: Server) -> None:
    assert server("GET", "/files/car/data:v0/small").body == b"first"
    assert (
        server("GET", "/files/car/data:latest/small").body
        == server("GET", "/files/car/data%3A1/small").body
        == b"second"
    )
    assert server("GET", "/files/car/data/small").body == b"second"
    assert server("GET", "/files/car/data:v1~1/small").body == b"first"
    assert server("GET", "/files/car/data/sub/a%20b%C3%A9%2541%FF.txt").body == b"strange"
    assert server("GET", "/files/car/data/link").body == b"x" * 1000
    assert server("GET", "/files/car/data:none/small").slug == "no-such-alias"
    assert server("GET", "/files/car/other/small").slug == "no-such-artifact"
    assert server("GET", "/files/boat/data/small").status == 404
    assert server("GET", "/files/car/data/nothing").slug == "no-such-path"
    for path in ("/files/car", "/files/", "/files/car/data/../../x", "/files/car/data/%2e%2e/x", "/files/car/data//x",
                 "/files/car/data/.art/x", "/files/car/data/a%00b", "/files/../v1/o/config", "/files/car/%2e%2e",
                 "/files/car/data:v1/..%2f..%2fconfig"):  # fmt: skip
        assert server("GET", path).status in (400, 404), path


def test_what_is_in_it(server: Server) -> None:
    found = server("GET", "/files/car/data:best").json
    assert (found["version"], found["project"]) == ("data:v1", "car")
    kinds = {item["path"]: item["kind"] for item in found["entries"]}
    assert kinds == {
        "empty": "directory", "large.bin": "file", "link": "link", "run.sh": "file", "small": "file",
        os.fsdecode(STRANGE): "file", "sub/x": "file",
    }  # fmt: skip
    below = server("GET", "/files/car/data:best/sub/").json["entries"]
    assert [item["path"] for item in below] == [os.fsdecode(STRANGE), "sub/x"]
    assert below[1]["digest"] == digest_of(b"x" * 1000).hex()
    assert server("HEAD", "/files/car/data:best").status == 200


def test_an_archive_of_it(server: Server, shelf: Art) -> None:
    whole = server("GET", "/files/car/data:best?format=tar")
    assert shelf("export", "data:best", "--format", "tar", "-o", "x.tar").code == 0
    assert whole.body == (shelf.directory / "x.tar").read_bytes()
    assert whole.headers["content-type"] == "application/x-tar"
    assert "x" in names(server("GET", "/files/car/data:best/sub?format=tar").body)
    assert server("GET", "/files/car/data:best?format=zip").body[:2] == b"PK"
    assert server("GET", "/files/car/data:best?format=rar").slug == "bad-archive"
    assert server("GET", "/files/car/data:best/nothing?format=tar").status == 404


def test_the_server_follows_no_reference(serve: Serve, shelf: Art, tmp_path: Path) -> None:
    """It could lead to what only the server can read."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    told = json.dumps({"uri": f"file://{secret}", "size": 6}).encode()
    draft = Drafting(shelf.directory / ".art")
    draft.put(Entry(b"there", REFERENCE, 6, digest_of(told), told))
    draft.put(Entry(b"here", FILE, 4, digest_of(b"here"), b"here"))
    draft.log(Request("referring", "car"))
    server = serve(shelf.directory)
    refused = server("GET", "/files/car/referring/there")
    assert (refused.status, refused.json["uri"]) == (409, f"file://{secret}")
    tar = server("GET", "/files/car/referring?format=tar").body
    assert b"secret" not in tar.replace(str(secret).encode(), b"")
    assert names(tar) == ["here"]


def test_damage_breaks_the_answer_off(server: Server, shelf: Art) -> None:
    pack = max(
        (shelf.directory / ".art" / "packs").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0
    )
    pack.chmod(0o644)
    data = bytearray(pack.read_bytes())
    data[20:2000] = bytes(1980)
    pack.write_bytes(data)
    from http.client import IncompleteRead, RemoteDisconnected

    with pytest.raises((IncompleteRead, RemoteDisconnected, ConnectionResetError)):
        server("GET", "/files/car/data:best/large.bin")
    assert server("GET", "/healthz").status == 204


# --- writing ---


def test_a_file_becomes_a_version(server: Server, shelf: Art) -> None:
    made = server("PUT", "/files/car/log/2026/day%201.txt?type=log&alias=newest&tag=wet", b"lines")
    assert made.status == 201
    assert made.json["version"] == "log:v0"
    assert server("GET", made.json["path"] + "/2026/day%201.txt").body == b"lines"
    more = server("POST", "/files/car/log/2026/day2.txt?base=latest&alias=newest&description=two+days", b"more")
    assert (more.status, more.json["version"], more.json["entries"]) == (201, "log:v1", 2)
    alone = server("PUT", "/files/car/log/x", b"alone").json
    assert (alone["version"], alone["entries"]) == ("log:v2", 1)
    again = server("PUT", "/files/car/log/x", b"alone")
    assert (again.status, again.json["created"], again.json["version"]) == (200, False, "log:v2")
    assert shelf("show", "log:newest", "--json").json["ref"] == "log:v1"
    assert shelf("fsck", "--full").code == 0
    assert server("PUT", "/files/car/new/first?base=latest", b"1").json["version"] == "new:v0"
    assert server("PUT", "/files/car/new/first?base=v7", b"1").slug == "no-such-version"


def test_who_did_it_is_the_tokens_name(serve: Serve, shelf: Art) -> None:
    text = token(shelf, "camera", "--scope", "write", "--project", "car")
    server = serve(shelf.directory)
    server.token = text
    assert server("PUT", "/files/car/shots/a", b"a").status == 201
    assert "camera/" in shelf("log", "shots", "--json").out
    assert server("PUT", "/files/boat/shots/a", b"a").slug == "another-project"
    assert server("GET", "/files/boat/shots/a").slug == "another-project"
    assert server("POST", "/drafts?project=boat&name=a").slug == "another-project"
    reader = token(shelf, "reader")
    assert server("PUT", "/files/car/shots/b", b"a", token=reader).status == 403
    assert server("GET", "/files/car/shots/a", token=reader).body == b"a"


def test_an_archive_becomes_a_version(server: Server, shelf: Art) -> None:
    tar = archive(
        special("./", tarfile.DIRTYPE), ("./a", b"a" * 500_000), special("sub/", tarfile.DIRTYPE), ("sub/b", b"b"),
        special("sub/empty", tarfile.DIRTYPE), special("sub/link", tarfile.SYMTYPE, "../a"),
        special("again", tarfile.LNKTYPE, "./a"), ("name " + "long/" * 60 + "x", b"c"), ("a", b"last wins" * 100),
        special("tool", tarfile.REGTYPE, mode=0o755),
    )  # fmt: skip
    made = server("POST", "/files/car/shots?format=tar", tar)
    assert (made.status, made.json["entries"]) == (201, 7)
    path = made.json["path"]
    assert server("GET", f"{path}/again").body == b"a" * 500_000
    assert server("GET", f"{path}/a").body == b"last wins" * 100
    found = {item["path"]: item["kind"] for item in server("GET", path).json["entries"]}
    assert (found["sub/empty"], found["sub/link"]) == ("directory", "link")
    shelf("use", "shots:v0", "--root", "out")
    assert os.access(shelf.directory / "out" / "tool", os.X_OK)
    more = server("PUT", "/files/car/shots?base=latest", archive(("new", b"n")), {"Content-Type": "application/x-tar"})
    assert (more.status, more.json["entries"]) == (201, 8)
    for format in (tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        assert server("PUT", "/files/car/other?format=tar", archive(("a" * 90, b"x"), format=format)).status in (
            200,
            201,
        )


@pytest.mark.parametrize(("members", "status", "slug"), [
    ([("../a", b"x")], 400, "unsafe-path"),
    ([("/etc/passwd", b"x")], 400, "unsafe-path"),
    ([("a/../../b", b"x")], 400, "unsafe-path"),
    ([(".art/config", b"x")], 400, "unsafe-path"),
    ([("a//b", b"x")], 400, "unsafe-path"),
    ([("a", b"x"), ("a/b", b"x")], 400, "file-and-directory"),
    ([special("a", tarfile.SYMTYPE, "/etc/passwd")], 422, "unsafe-path"),
    ([special("a", tarfile.SYMTYPE, "../x")], 422, "unsafe-path"),
    ([special("a", tarfile.SYMTYPE, "")], 422, "unsafe-path"),
    ([special("a", tarfile.LNKTYPE, "/etc/passwd")], 422, "unsafe-path"),
    ([special("a", tarfile.LNKTYPE, "b")], 422, "unsafe-path"),
    ([special("a", tarfile.FIFOTYPE)], 422, "special-file"),
    ([special("a", tarfile.CHRTYPE)], 422, "special-file"),
    ([special("a", tarfile.BLKTYPE)], 422, "special-file"),
    ([special("a", tarfile.GNUTYPE_SPARSE)], 422, None),
    ([], 400, "nothing-to-log"),
])  # fmt: skip
def test_archives_that_are_not_to_be_trusted(
    members: list[tuple[str, bytes] | tarfile.TarInfo], status: int, slug: str | None, server: Server, shelf: Art
) -> None:
    before = shelf("ls", "-q").out
    refused = server("PUT", "/files/car/shots?format=tar", archive(*members))
    assert (refused.status, refused.slug) == (status, slug or refused.slug)
    assert shelf("ls", "-q").out == before
    assert str(shelf.directory) not in refused.body.decode()
    assert list((shelf.directory / ".art" / "tmp").iterdir()) == []


def _huge_header(tar: bytes) -> bytes:
    """A header that says of a name to be 4 GB long."""
    info = special("x", tarfile.GNUTYPE_LONGNAME, size=4 << 30)
    return info.tobuf(tarfile.GNU_FORMAT) + tar


@pytest.mark.parametrize("broken", [
    lambda tar: tar[:700], lambda tar: tar[:1024], lambda tar: tar[:1536], lambda tar: b"x" * 10240, lambda _: b"",
    lambda tar: tar[:148] + b"777777\0 " + tar[156:], _huge_header, lambda tar: tar[:-10240 + 2048],
])  # fmt: skip
def test_archives_that_are_not_whole(broken: Callable[[bytes], bytes], server: Server) -> None:
    tar = archive(("a", b"x" * 600), ("b", b"y"))
    told = server("PUT", "/files/car/shots?format=tar", gzip.compress(tar)).json["detail"]
    assert told == "this is compressed (gzip): send a plain tar"
    refused = server("PUT", "/files/car/shots?format=tar", broken(tar))
    assert refused.status in (400, 422)
    assert refused.slug in ("damaged-archive", "nothing-to-log")
    assert server("GET", "/files/car/shots").status == 404


def test_a_version_is_of_a_run_that_is_there(server: Server, shelf: Art) -> None:
    run = shelf("run", "start", "--name", "trip").out.strip()
    assert server("PUT", f"/files/car/shots/a?run={run}", b"x").json["version"] == "shots:v0"
    assert shelf("show", "shots:v0", "--field", "producer.name").out == "trip\n"
    assert server("PUT", "/files/car/shots/a?run=nobody", b"y").slug == "no-such-run"
    assert server("PUT", f"/files/boat/shots/a?run={run}", b"y").slug == "no-such-run"
    assert len(shelf("ls", "shots", "-q").lines) == 1


def test_requests_that_cannot_be_meant(server: Server) -> None:
    for path, status in [
        ("/files/car/shots", 400), ("/files/car/shots:v1/a", 400), ("/files/car/shots/a?format=tar", 400),
        ("/files/car/shots/a?alias=v1", 400), ("/files/car/shots/a?base=a&base=b", 400), ("/files/car/s%20p/a", 400),
        ("/files/car/shots/a?format=zip", 400), ("/files/car/data/a?type=other", 409), ("/files/car/DATA/a", 409),
        ("/files/car/shots/a?" + "&".join(f"tag=t{n}" for n in range(17)), 400), ("/files/car/shots/../x", 400),
    ]:  # fmt: skip
        refused = server("PUT", path, b"x")
        assert refused.status == status, (path, refused.body)
    for path in ("/files/car/shots/a?bse=latest", "/drafts?project=car&name=shots&aliases=a"):
        refused = server("POST", path, b"x")
        assert (refused.status, refused.slug) == (400, "bad-query")
        assert "base, type, alias, tag, run, description" in refused.json["detail"]
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert server("POST", "/files/car/shots/a", b"--x\r\n\r\ndata\r\n--x--\r\n", form).slug == "bad-form"
    assert server("GET", "/files/car/shots").status == 404
    assert server("PUT", "/files/car/shots/a", b"x", {"Idempotency-Key": "a" * 201}).status == 400
    assert server("DELETE", "/files/car/data/small").status == 405


def test_the_same_request_makes_no_second_version(serve: Serve, shelf: Art) -> None:
    first = serve(shelf.directory)
    key = {"Idempotency-Key": "trip-1"}
    made = first("PUT", "/files/car/shots/a?base=latest", b"one", key)
    assert (made.status, made.json["version"]) == (201, "shots:v0")
    assert (
        first("PUT", "/files/car/shots/b?base=latest", b"two", {"Idempotency-Key": "trip-2"}).json["version"]
        == "shots:v1"
    )
    assert first("PUT", "/files/car/shots/c?base=latest", b"three").json["version"] == "shots:v2"
    assert first.stop() == 0
    again = serve(shelf.directory)("PUT", "/files/car/shots/a?base=latest", b"one", key)
    assert (again.status, again.json["version"], again.headers["idempotency-replayed"]) == (200, "shots:v0", "true")
    assert len(shelf("ls", "shots", "-q").lines) == 3


def test_the_same_request_twice_at_once(server: Server, shelf: Art) -> None:
    from concurrent.futures import ThreadPoolExecutor

    tar = archive(*((f"{n}", bytes([n]) * 1000) for n in range(20)))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(
            lambda n: server("PUT", "/files/car/shots?format=tar", tar, {"Idempotency-Key": "k"}), range(8)
        ))  # fmt: skip
    assert {answer.json["version"] for answer in answers} == {"shots:v0"}
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]


def test_a_body_that_ends_early_makes_nothing(server: Server, shelf: Art) -> None:
    head = "PUT /files/car/shots/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nonly this"
    import socket

    with socket.create_connection(server.address) as connection:
        connection.sendall(head.encode())
    chunked = "PUT /files/car/shots/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nonly \r\n"
    with socket.create_connection(server.address) as connection:
        connection.sendall(chunked.encode())
    assert server("GET", "/files/car/shots").status == 404
    whole = server.raw(chunked.encode() + b"4\r\nthis\r\n0\r\n\r\n", seconds=2)
    assert b" 201 " in whole.splitlines()[0]
    assert server("GET", "/files/car/shots/a").body == b"only this"


# --- drafts ---


def test_many_files_one_by_one(serve: Serve, shelf: Art) -> None:
    server = serve(shelf.directory)
    draft = server("POST", "/drafts?project=car&name=shots&base=latest&alias=trip&type=dataset")
    assert draft.status == 201
    path = draft.json["path"]
    for number in range(5):
        sent = server("PUT", f"{path}/images/{number}.jpg", bytes([number]) * 3000)
        assert (sent.status, sent.json["digest"]) == (201, digest_of(bytes([number]) * 3000).hex())
    assert server("PUT", f"{path}/run.sh?executable=1", b"#!/bin/sh\n").status == 201
    assert server("PUT", f"{path}/a%20b", b"x", {"X-Art-B3": "0" * 64}).slug == "wrong-digest"
    assert server("PUT", f"{path}/../x", b"x").status == 400
    server.stop()
    server = serve(shelf.directory)
    come = server("GET", path).json["files"]
    assert [file["path"] for file in come] == [*(f"images/{number}.jpg" for number in range(5)), "run.sh"]
    assert server("PUT", f"{path}/images/0.jpg", b"anew" * 1000).status == 201
    assert server("GET", "/files/car/shots").status == 404
    assert server("POST", f"{path}/commit?alias=late").slug == "bad-query"
    assert not server("GET", path).json["committed"]
    made = server("POST", f"{path}/commit")
    assert (made.status, made.json["version"], made.json["entries"]) == (201, "shots:v0", 6)
    assert server("GET", path).json["committed"]
    assert server("GET", "/files/car/shots:trip/images/0.jpg").body == b"anew" * 1000
    again = server("POST", f"{path}/commit")
    assert (again.status, again.json["version"]) == (200, "shots:v0")
    assert server("PUT", f"{path}/late", b"x").slug == "draft-committed"
    shelf("use", "shots:v0", "--root", "out")
    assert os.access(shelf.directory / "out" / "run.sh", os.X_OK)


def test_a_draft_committed_twice_at_once(server: Server, shelf: Art) -> None:
    from concurrent.futures import ThreadPoolExecutor

    path = server("POST", "/drafts?project=car&name=shots").json["path"]
    for number in range(30):
        assert server("PUT", f"{path}/{number}", bytes([number]) * 1000).status == 201
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: server("POST", f"{path}/commit"), range(4)))
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 201]
    assert {answer.json["version"] for answer in answers} == {"shots:v0"}
    assert len(shelf("ls", "shots", "-q").lines) == 1


def test_drafts_that_end(serve: Serve, shelf: Art) -> None:
    text, other = token(shelf, "a", "--scope", "write"), token(shelf, "b", "--scope", "write")
    server = serve(shelf.directory)
    server.token = text
    path = server("POST", "/drafts?project=car&name=shots").json["path"]
    assert server("GET", path, token=other).slug == "no-such-draft"
    assert server("POST", f"{path}/commit").slug == "nothing-to-log"
    assert server("GET", path).status == 200
    for wrong in ("/drafts/" + "0" * 32, "/drafts/..", "/drafts/x/commit", path + "/x"):
        assert server("GET", wrong).status == 404
    head = shelf.directory / ".art" / "local" / path[1:] / "head.json"
    os.utime(head, (0, 0))
    assert server("GET", path).slug == "no-such-draft"
    assert server("POST", "/drafts?project=car&name=shots").status == 201
    assert not head.exists()
    same = [
        server("POST", "/drafts?project=car&name=x", None, {"Idempotency-Key": "k"}).json["draft"] for _ in range(2)
    ]
    assert same[0] == same[1]
    for wrong in ("/drafts", "/drafts?project=car", "/drafts?project=car&name=a/b", "/drafts?project=..&name=a"):
        assert server("POST", wrong).status == 400


def test_a_repository_stays_sound(server: Server, shelf: Art) -> None:
    for number in range(12):
        server("PUT", f"/files/car/shots/{number}?base=latest", bytes([number]) * 5000)
    assert shelf("gc", "--yes").code == shelf("fsck", "--full").code == 0
    assert server("GET", "/files/car/shots/3").body == bytes([3]) * 5000
    repository = Repository(shelf.directory / ".art")
    assert len(repository.catalog.indexes()) < 12
    repository.close()


def test_a_file_that_came_is_there_after_a_power_cut(tmp_path: Path) -> None:
    wanted = Wish("car", "shots", None, None, [], [], None, None, None)
    draft = Drafts(tmp_path / "place").create(wanted, Bearer("car/1", WRITE))
    with StrictDisk(draft.folder) as disk:
        for number in range(2):
            fresh = _Fresh(draft.place_of(b"x"))
            fresh.write(b"bytes %d" % number)
            draft.add(b"x", fresh.path, fresh.size, fresh.finish(), executable=False)
            fresh.close()
            disk.cut(tmp_path / str(number))
            (come,) = Draft(tmp_path / str(number)).files()
            assert (come.path, come.file.read_bytes()) == (b"x", b"bytes %d" % number)
