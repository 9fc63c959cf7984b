"""`Api`: what was recorded, asked from anywhere: artifacts, runs, and what runs said.

Runs whose process is gone come to their end in the log when it is made, as with every command of the shell; else a
run's record changes by its `update` and `delete` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artcli.catalog import resolve, spec
from artcli.catalog.runs import resolve as run_resolve
from artcli.catalog.runs.view import views
from artcli.errors import NotFoundError
from artcli.flows.runs import listing
from artcli.flows.runs.seal import settle
from artcli.sdk import mongo, place, sharing
from artcli.sdk.artifact import LoggedArtifact
from artcli.sdk.current import current
from artcli.sdk.exchange import check_type, find
from artcli.sdk.recorded import RunRecord


class Api:
    """Questions to the repository of the current run or of the working directory."""

    def __init__(self, overrides: Mapping[str, Any] | None = None, timeout: int | None = None, api_key: Any = None):
        """`overrides`: `project`, for names that are given without one; raises `NoRepositoryError`.

        Where ART_REMOTE names a remote, what is there is asked for now, and a repository made if there is none.
        """
        self._path = place.for_reading()
        if sharing.is_wanted() and current() is None:
            sharing.join(self._path)
        settle(place.fresh(self._path))
        self._project = str((overrides or {}).get("project") or place.project(self._path))

    @property
    def default_entity(self) -> str:
        return ""

    def artifact(self, name: str, type: str | None = None) -> LoggedArtifact:
        """The version that a reference means; raises `NotFoundError`, ValueError if it is not of `type`."""
        record = find(self._path, name, self._project)
        check_type(record, type)
        return record

    def artifact_exists(self, name: str, type: str | None = None) -> bool:
        """Whether `artifact` would find it."""
        try:
            return type in (None, find(self._path, name, self._project).type)
        except NotFoundError:
            return False

    def artifacts(
        self, type_name: str, name: str, per_page: int = 50, tags: Sequence[str] | str | None = None
    ) -> list[LoggedArtifact]:
        """The live versions of an artifact, newest first, that have all these tags; raises as `artifact`."""
        repository = place.fresh(self._path)
        artifact, _ = resolve.artifact(repository.catalog, name.removeprefix("/"), self._project)
        if artifact.type != type_name:
            raise ValueError(f"{name} is of type {artifact.type!r}, not {type_name!r}")
        wanted = {tags} if isinstance(tags, str) else set(tags or ())
        found = [LoggedArtifact(self._path, version) for version in repository.catalog.versions(artifact.id)]
        return [record for record in reversed(found) if wanted <= set(record.tags)]

    def run(self, path: str) -> RunRecord:
        """The run of `[[entity/]project/]run`: an id, the beginning of one, or a name; raises `NotFoundError`."""
        *above, word = path.strip("/").replace("/runs/", "/").split("/")
        catalog = place.fresh(self._path).catalog
        return RunRecord(self._path, run_resolve.run(catalog, word, above[-1] if above else self._project).id)

    def runs(
        self, path: str | None = None, filters: Mapping[str, Any] | None = None, order: str = "+created_at",
        per_page: int = 50, include_sweeps: bool = True,
    ) -> list[RunRecord]:  # fmt: skip
        """The runs of `[entity/]project`, or of the own project, that a filter (`sdk.mongo`) lets through.

        `order`: a key, with `-` before it backwards: `created_at`, `config.lr`, `summary_metrics.loss`, …
        """
        project = spec.check_project(path.strip("/").split("/")[-1]) if path else self._project
        repository = place.fresh(self._path)
        found = listing.rows(repository, views(repository, None, project))
        if filters:
            found = [row for row in found if mongo.fits(filters, lambda key, row=row: _values(row, key))]  # type: ignore[misc]
        key = mongo.field(order.lstrip("+-"))
        backwards = order.startswith("-")
        if key == "time":
            found = list(reversed(found)) if backwards else found
        else:
            found = listing.ordered(found, ("-" if backwards else "") + key)
        return [RunRecord(self._path, row.view.run.id, row.view) for row in found]


def _values(row: listing.Row, key: str) -> Sequence[Any]:
    if key == mongo.EITHER:
        return [row.view.run.name, row.view.run.id]
    return row.values(key)
