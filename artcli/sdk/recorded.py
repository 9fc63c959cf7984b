"""`RunRecord`: a run as it is recorded, as `Api` and artifacts give it: read when asked, changed by its `update`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import Any

from artcli.catalog.runs import journal, liveness
from artcli.catalog.runs.register import Register
from artcli.catalog.runs.register import Run as Known
from artcli.catalog.runs.said import UNSET
from artcli.catalog.runs.view import RunView, files, rows, view
from artcli.flows.runs import address, changes, kept, mask
from artcli.flows.runs.metrics import Voice
from artcli.sdk import naming, place
from artcli.sdk.artifact import LoggedArtifact
from artcli.sdk.values import plain

CLOCK = ("_step", "_timestamp", "_runtime")
"""Keys of a summary that nobody sets."""


class RunRecord:
    """A run as it is recorded; what it said is read when it is asked for, and again after `load`."""

    def __init__(self, path: Path, id: str, seen: RunView | None = None) -> None:
        """`path`: the `.art` folder of its repository."""
        self._path = path
        self._id = id
        self._own: dict[str, Any] = {}
        """What was asked for and may be changed, or was set, until `update`."""
        if seen is not None:
            self.__dict__["_view"] = seen

    @cached_property
    def _view(self) -> RunView:
        return view(place.fresh(self._path), self._id)

    @property
    def _known(self) -> Known:
        return self._view.run

    def load(self, force: bool = True) -> RunRecord:
        """Forget what was read, and what was set since the last `update`."""
        self.__dict__.pop("_view", None)
        self._own = {}
        return self

    @property
    def id(self) -> str:
        return self._id

    @property
    def name(self) -> str:
        return str(self._own.get("name", self._known.name))

    @name.setter
    def name(self, name: str) -> None:
        self._own["name"] = name

    display_name = name

    @property
    def project(self) -> str:
        return self._known.project

    @property
    def entity(self) -> str:
        return ""

    @property
    def path(self) -> list[str]:
        return [self.project, self._id]

    @property
    def url(self) -> str | None:
        """The address of its page, if the remote is a server; the page is there once the run is pushed."""
        return address.of(self._path, self.project, self._id)

    @property
    def job_type(self) -> str | None:
        return self._known.job_type

    @property
    def group(self) -> str | None:
        return self._known.group

    @property
    def notes(self) -> str | None:
        if "notes" not in self._own:
            self._own["notes"] = self._view.notes
        return self._own["notes"]  # type: ignore[no-any-return]

    @notes.setter
    def notes(self, notes: str | None) -> None:
        self._own["notes"] = notes

    @property
    def tags(self) -> list[str]:
        """Its tags; `update` writes what was put into the list."""
        if "tags" not in self._own:
            self._own["tags"] = list(self._view.tags)
        return self._own["tags"]  # type: ignore[no-any-return]

    @tags.setter
    def tags(self, tags: Sequence[str]) -> None:
        self._own["tags"] = list(tags)

    @property
    def created_at(self) -> str:
        return self._known.time

    @property
    def user(self) -> str:
        """Who began it."""
        return self._known.actor

    @property
    def state(self) -> str:
        """`running`, `finished`, `failed`, `killed` or `crashed`, as it is now."""
        repository = place.fresh(self._path)
        now = Register(repository.follower.database).run(self._id) or self._known
        return liveness.outcome(repository, now)

    @property
    def config(self) -> dict[str, Any]:
        """Its settings; `update` writes what was set."""
        if "config" not in self._own:
            self._own["config"] = deepcopy(self._view.config)
        return self._own["config"]  # type: ignore[no-any-return]

    @property
    def summary(self) -> RecordedSummary:
        """The last value of each metric, or as `define_metric` says, and what was set; `update` writes that.

        `_step` and `_timestamp` are those of what was said last, `_runtime` are seconds.
        """
        if "summary" not in self._own:
            seen = self._view
            clock = dict(zip(CLOCK, (seen.next_step - 1, seen.heard, seen.duration), strict=True))
            self._own["summary"] = RecordedSummary({**deepcopy(seen.summary), **clock}, self.update)
        return self._own["summary"]  # type: ignore[no-any-return]

    summary_metrics = summary

    def update(self) -> None:
        """Put into the log what was set: name, notes, tags, config, summary.

        Raises `UsageError` (`bad-run-name`, `bad-tag`, `unfit-value`), TypeError for a value that JSON cannot hold.
        """
        repository, seen, own = place.fresh(self._path), self._view, self._own
        notes = own["notes"] or "" if "notes" in own else None
        changes.edit(repository, seen.run, changes.Edits(name=own.get("name"), notes=notes))
        tags = list(map(naming.tag, own.get("tags", seen.tags)))
        changes.set_tags(repository, seen.run, tags)
        changes.set_tags(repository, seen.run, [tag for tag in seen.tags if tag not in tags], remove=True)
        voice = Voice(self._path, self._id)
        for kind, before in (("config", seen.config), ("summary", seen.summary)):
            now = own.get(kind, before)
            if news := _news(before, {key: now[key] for key in now if kind == "config" or key not in CLOCK}):
                voice.set(kind, mask.settings(news) if kind == "config" else news, time.time())
        self.load()

    def delete(self, delete_artifacts: bool = False) -> None:
        """Send it to the trash, perhaps with what it logged, from where `art restore` brings it back.

        Raises `ConflictError` (`run-running`; of artifacts `protected-alias`).
        """
        logged = self.logged_artifacts() if delete_artifacts else []
        changes.remove(place.fresh(self._path), [self._known])
        for version in logged:
            version.delete(delete_aliases=True)
        self.load()

    @property
    def metadata(self) -> dict[str, Any]:
        """What was recorded by itself: command, host, git, …"""
        return dict(self._view.start)

    @property
    def lastHistoryStep(self) -> int:
        return self._view.next_step - 1

    def history(
        self, samples: int = 500, keys: Sequence[str] | None = None, x_axis: str = "_step", pandas: bool = True,
        stream: str = "default",
    ) -> Any:  # fmt: skip
        """At most `samples` rows, evenly chosen: a DataFrame where pandas is installed and wanted, else a list.

        `keys`: only these and `x_axis`, of rows that have them all. `stream="system"`: samples of the machine, each
        with `_timestamp` and `_runtime`. Raises ValueError for another stream.
        """
        if stream not in ("default", "system", "events"):
            raise ValueError(f"stream is default or system, not {stream!r}")
        if stream == "default":
            found = list(self.scan_history(list(dict.fromkeys((x_axis, *keys))) if keys else None))
        else:
            found = self._samples(keys)
        if len(found) > samples > 0:
            found = [found[index * (len(found) - 1) // max(1, samples - 1)] for index in range(samples)]
        if not pandas:
            return found
        try:
            import pandas as library  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError:
            return found
        return library.DataFrame.from_records(found)

    def _samples(self, keys: Sequence[str] | None) -> list[dict[str, Any]]:
        repository, began = place.fresh(self._path), self._view.began or 0.0
        found = []
        for record in journal.everything(repository, self._id):
            if record.kind == "system" and all(key in record.data for key in keys or ()):
                clock = {"_timestamp": record.time, "_runtime": record.time - began}
                found.append({**clock, **{key: record.data[key] for key in keys or record.data}})
        return found

    def scan_history(
        self, keys: Sequence[str] | None = None, page_size: int = 1000, min_step: int | None = None,
        max_step: int | None = None,
    ) -> Iterator[dict[str, Any]]:  # fmt: skip
        """All rows by step, from `min_step` on and below `max_step`."""
        wanted = [*keys, "_step"] if keys and "_step" not in keys else keys
        for row in rows(place.fresh(self._path), self._id, wanted):
            if (min_step is None or row["_step"] >= min_step) and (max_step is None or row["_step"] < max_step):
                yield row if not keys or "_step" in keys else {key: row[key] for key in keys}

    def used_artifacts(self, per_page: int = 100) -> list[LoggedArtifact]:
        """The versions that it used, in order."""
        return self._versions(item.version for item in self._register().inputs(self._id))

    def logged_artifacts(self, per_page: int = 100) -> list[LoggedArtifact]:
        """The versions that it logged, in order."""
        return self._versions(item.version for item in self._register().outputs(self._id))

    def files(self, names: Sequence[str] | None = None, per_page: int = 50) -> list[RunFile]:
        """Files that were kept with it, media among them."""
        found = files(place.fresh(self._path), self._id)
        return [RunFile(self, path, size) for path, size in found.items() if not names or path in names]

    def file(self, name: str) -> RunFile:
        """One of them; raises KeyError."""
        for found in self.files([name]):
            return found
        raise KeyError(name)

    def _register(self) -> Register:
        return Register(place.fresh(self._path).follower.database)

    def _versions(self, ids: Iterable[str | None]) -> list[LoggedArtifact]:
        catalog = place.repository(self._path).catalog
        found = [catalog.version(id) for id in dict.fromkeys(ids) if id]
        return [LoggedArtifact(self._path, version) for version in found if version is not None]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunRecord) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self._id)

    def __repr__(self) -> str:
        return f"<Run {self.project}/{self._id} {self.name}>"


class RecordedSummary(dict[str, Any]):
    """A summary that was read: a dictionary, of which W&B's own examples ask for `_json_dict`."""

    def __init__(self, found: Mapping[str, Any], save: Callable[[], None]) -> None:
        super().__init__(found)
        self._save = save

    def update(self, *values: Any, **more: Any) -> None:
        """Set values, and write all that was set."""
        super().update(*values, **more)
        self._save()

    @property
    def _json_dict(self) -> dict[str, Any]:
        return dict(self)


class RunFile:
    """A file that was kept with a run."""

    def __init__(self, run: RunRecord, name: str, size: int | None) -> None:
        self._run = run
        self.name = name
        self._size = size

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size if self._size is not None else len(self.read())

    def read(self) -> bytes:
        """Its content; raises `NotFoundError` (`no-such-path`), `IntegrityError`."""
        return kept.read(place.fresh(self._run._path), self._run.id, self.name)

    def download(self, root: str | os.PathLike[str] = ".", replace: bool = False, exist_ok: bool = False) -> str:
        """Write it below `root`; returns where it is. Raises ValueError if something is there (unless `replace`)."""
        target = Path(root) / self.name
        if target.exists() and not (replace or exist_ok):
            raise ValueError(f"there is something already: {target}; replace=True writes over it")
        if replace or not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.read())
        return str(target)

    def __repr__(self) -> str:
        return f"<File {self.name}>"


def _news(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """What was set, and under `UNSET` the keys that were taken away."""
    news = {key: value for key, value in plain(now).items() if key not in before or before[key] != value}
    gone = [key for key in before if key not in now]
    return {**news, UNSET: gone} if gone else news
