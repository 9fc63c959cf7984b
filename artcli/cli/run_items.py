"""Runs as the commands that show them print them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from artcli.catalog.runs import resolve
from artcli.catalog.runs.register import Run
from artcli.cli.console import Console
from artcli.cli.formatting import Field, Schema
from artcli.flows.runs.active import active_run
from artcli.flows.runs.listing import Row

RUN_FIELDS = [
    Field("id"),
    Field("name"),
    Field("project"),
    Field("state", help="running, finished, failed, killed or crashed"),
    Field("job_type"),
    Field("group"),
    Field("tags", "words"),
    Field("notes"),
    Field("exit", help="exit code of its process"),
    Field("time", "time", "when it began"),
    Field("finished", "time", "when its end was told"),
    Field("heard", "time", "when it was heard last"),
    Field("duration", "duration", "seconds that it ran"),
    Field("rows", "count", "rows of its history"),
    Field("actor", "person", help="who began it"),
    Field("machine", help="where"),
    Field("config", "object"),
    Field("summary", "object", "last value of each metric, or as define_metric says"),
    Field("used", "words", "name:vN of its inputs"),
    Field("logged", "words", "name:vN of its outputs"),
]
CARD = Schema(
    "run-card",
    fields=[
        *RUN_FIELDS,
        Field("start", "object", "what was recorded by itself: command, host, git, packages, …"),
        Field("metrics", "object", "of each metric: kind, values, step, least, greatest, mean, last"),
        Field("system", "object", "the same of samples of the machine"),
        Field("files", "object", "sizes of its files by path"),
        Field("resumes", "count", "how often it was taken up again"),
        Field("fact", help="id of the fact that began it"),
        Field("page", help="its address, if the remote is a server; there once the run is pushed"),
    ],
    columns=["id", "name", "state"],
    key="id",
)
_READ = ("config", "summary")


def named(console: Console, word: str) -> Run:
    """The run that a word means; raises as `resolve.run`."""
    return resolve.run(console.repository().catalog, word, console.project, active_run())


class RunItem(Mapping[str, Any]):
    """A run as `RUN_FIELDS` and `more` have it; a value is looked up when somebody asks for it."""

    def __init__(self, row: Row, more: Sequence[str] = ()) -> None:
        self._row = row
        self._names = [*(field.name for field in RUN_FIELDS), *more]

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if name in _READ:
            return getattr(self._row.view, name)
        return self._row.duration if name == "duration" else self._row.value(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
