"""What a client does that pushes, spelled out, so that each step can be done wrongly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from artcli.catalog import facts
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.log import GENESIS, Log, encode, entry_key
from artcli.catalog.repository import Repository
from artcli.content import digest_of
from tests.web.kit import Answer, Server


def fact(kind: str, **data: object) -> bytes:
    """The line of a fact."""
    return facts.make(Draft(kind, data), "tester", "here").line


class Client:
    """Pushes what is in the repository `source` (its `.art`) to a server, by hand."""

    def __init__(self, server: Server, source: Path, token: str | None = None) -> None:
        self.server = server
        self.source = source
        self.token = token
        self.place = server("GET", "/v1/info", token=token).json["place"]

    def facts(self) -> list[Fact]:
        repository = Repository(self.source)
        try:
            return [fact for entry in repository.log.after(-1, GENESIS) for fact in entry.facts]
        finally:
            repository.close()

    def objects(self, folder: str) -> list[tuple[str, bytes]]:
        """Key and bytes of what lies in `packs` or `index`."""
        found = sorted(path for path in (self.source / folder).rglob("*") if path.is_file())
        return [(path.relative_to(self.source).as_posix(), path.read_bytes()) for path in found]

    def send(self, folder: str) -> list[int]:
        """The statuses of the answers."""
        return [self.server.put(key, data, self.token).status for key, data in self.objects(folder)]

    def head(self) -> tuple[int, str]:
        """Number and digest of the last entry there."""
        n, digest = -1, GENESIS
        while (answer := self.server("GET", f"/v1/o/{entry_key(n + 1)}", token=self.token)).status == 200:
            n, digest = n + 1, digest_of(answer.body).hex()
        return n, digest

    def commit(self, lines: Iterable[bytes], token: str | None = None) -> Answer:
        """Put the next entry, with these facts."""
        n, digest = self.head()
        return self.server.put(entry_key(n + 1), encode(n + 1, digest, self.place, list(lines)), token or self.token)

    def push(self, facts: Sequence[Fact] | None = None) -> Answer:
        """All of it."""
        assert set(self.send("packs")) | set(self.send("index")) <= {200, 201}
        return self.commit(one.line for one in facts or self.facts())


def log_of(path: Path, place: str) -> Log:
    from artcli.buckets.disk import DiskBucket

    return Log(DiskBucket(path), place)
