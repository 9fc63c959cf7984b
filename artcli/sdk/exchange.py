"""What runs take in and give out: `log_artifact`, `use_artifact`, `use_reference`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artcli.catalog import resolve, spec
from artcli.catalog.catalog import Catalog
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.repository import Make
from artcli.errors import NotFoundError
from artcli.flows import alias as aliasing
from artcli.flows.log_artifact import Request
from artcli.flows.runs import edges, pins
from artcli.sdk import naming, place
from artcli.sdk.artifact import LoggedArtifact
from artcli.sdk.current import current
from artcli.sdk.draft import TTL, Artifact, readable_name
from artcli.sdk.voice import say

if TYPE_CHECKING:
    from artcli.sdk.run import Run

UNSPECIFIED = "unspecified"


def log_artifact(
    run: Run, artifact_or_path: Artifact | LoggedArtifact | str | os.PathLike[str], name: str | None,
    type: str | None, aliases: Sequence[str] | str | None, tags: Sequence[str] | str | None,
) -> Artifact | LoggedArtifact:  # fmt: skip
    """`Run.log_artifact`."""
    path = place.of_run(run)
    words, labels = _names(aliases), _words(tags)
    if isinstance(artifact_or_path, LoggedArtifact):
        return _log_again(run, artifact_or_path, words, labels)
    draft = artifact_or_path if isinstance(artifact_or_path, Artifact) else _of_path(run, artifact_or_path, name, type)
    if draft._record is not None:
        return _log_again(run, draft._record, words, labels)
    if path is None:
        return draft
    words = [*_names(draft._aliases), *words]
    return commit(draft, path, run.project, run.id, words, [*draft._tags, *labels])


def commit(
    draft: Artifact, path: Path, project: str, run: str | None, aliases: Sequence[str], tags: Sequence[str]
) -> LoggedArtifact:
    """Make a version of a draft, in the repository `path`, by `run` if one is given."""
    drafting = draft._draft()
    if drafting.repository.path != path:
        drafting = draft._drafting = drafting.moved_to(path, planes=place.planes(path))
    metadata = dict(draft._metadata)
    if draft._ttl is not None:
        metadata[TTL] = draft._ttl.total_seconds()
    base = draft._base[1] if draft._base is not None and draft._base[0] == path else None
    request = Request(
        draft._name, project, base=base, type=draft._type, aliases=list(dict.fromkeys(aliases)),
        tags=list(dict.fromkeys(tags)), description=draft._description, metadata=metadata, run=run, allow_empty=True,
    )  # fmt: skip
    logged = drafting.log(request)
    assert logged.version is not None
    place.fresh(path)
    record = LoggedArtifact(path, logged.version)
    draft._record, draft._drafting = record, None
    if logged.created:
        say(f"logged {record.name}: {record.file_count:,} file{'s' * (record.file_count != 1)}")
    else:
        say(f"logged {record.name}, which was there already with this content")
    return record


def save(draft: Artifact, project: str | None, settings: Any) -> None:
    """`Artifact.save`."""
    from artcli.sdk.beginning import init

    if draft._record is not None:
        draft._record.save()
    elif (run := current()) is not None:
        run.log_artifact(draft)
    else:
        with init(project=project, job_type="auto", settings=settings) as run:
            run.log_artifact(draft)


def _of_path(run: Run, given: str | os.PathLike[str], name: str | None, type: str | None) -> Artifact:
    """A draft of a file, a directory or an address."""
    path = os.fspath(given)
    base = readable_name(os.path.basename(path.rstrip("/")))
    draft = Artifact(name or f"run-{run.id}-{base}", type or UNSPECIFIED)
    if os.path.isdir(path):
        draft.add_dir(path)
    elif os.path.isfile(path):
        draft.add_file(path)
    elif "://" in path:
        draft.add_reference(path)
    else:
        raise ValueError(f"an artifact, a file, a directory or a URI is logged, and {path!r} is none")
    return draft


def _log_again(run: Run, record: LoggedArtifact, aliases: Sequence[str], tags: Sequence[str]) -> LoggedArtifact:
    """A version that is there becomes an output of the run, too."""
    path = place.of_run(run)
    if path is None:
        return record
    _check_same_place(path, record)
    for alias in aliases:
        spec.check_alias(alias)
    version = record._version

    def plan(catalog: Catalog, make: Make) -> list[Fact]:
        drafts = aliasing.moves(catalog, version.artifact, version.id, aliases)
        drafts += edges.output(catalog, run.id, version.id, version.digest)
        there = catalog.tags_of(version)
        drafts += [
            Draft("tag", {"version": version.id, "tag": spec.check_tag(tag)}) for tag in tags if tag not in there
        ]
        return [make(draft) for draft in drafts]

    repository = place.fresh(path)
    repository.commit(plan)
    record._take(repository.catalog.version(version.id) or version)
    return record


def use_artifact(
    run: Run, artifact_or_name: str | Artifact | LoggedArtifact, type: str | None,
    aliases: Sequence[str] | str | None, use_as: str | None,
) -> LoggedArtifact:  # fmt: skip
    """`Run.use_artifact`."""
    path = place.of_run(run)
    if isinstance(artifact_or_name, LoggedArtifact):
        record = artifact_or_name
    elif isinstance(artifact_or_name, Artifact):
        draft = artifact_or_name
        home = path or place.for_writing()
        record = draft._record or commit(draft, home, run.project, None, _names(aliases), draft._tags)
    elif not isinstance(artifact_or_name, str):
        raise TypeError(f"an artifact is used, or a text that names one, not {artifact_or_name!r}")
    else:
        record = find(path or place.for_reading(), artifact_or_name, run.project, run.id)
    check_type(record, type)
    if path is not None:
        _check_same_place(path, record)
        edges.use(place.fresh(path), run.id, [record._version], use_as)
    return record


def use_model(run: Run, name: str) -> str:
    """`Run.use_model`."""
    model = run.use_artifact(name, type="model")
    folder = str(model.download())
    return os.path.join(folder, model.files()[0].path) if model.file_count == 1 else folder


def use_reference(run: Run, uri: str, use_as: str | None) -> None:
    """`Run.use_reference`."""
    path = place.of_run(run)
    if path is not None:
        edges.use_uri(place.fresh(path), run.id, str(uri), use_as)


def find(path: Path, ref: str, project: str, run: str | None = None) -> LoggedArtifact:
    """The version that a reference names (in a run, if one is given). It may begin with an entity: an empty one, too.

    Raises `NotFoundError`, `UsageError` (`bad-reference`, `path-not-wanted`).
    """
    catalog, ref = place.fresh(path).catalog, ref.removeprefix("wandb-artifact://").removeprefix("/")
    name, colon, alias = ref.rpartition(":")
    if colon and " " in alias:
        ref = f"{name}:{naming.alias(alias)}"
    found = resolve.whole(catalog, pins.meant(catalog, ref, project, run) if run else ref, project)
    if found.note:
        say(found.note)
    return LoggedArtifact(path, found.version)


def check_type(record: LoggedArtifact, type: str | None) -> None:
    """Raise ValueError unless an artifact is of this type."""
    if type is not None and type != record.type:
        raise ValueError(f"{record.name} is of type {record.type!r}, not {type!r}")


def _check_same_place(path: Path, record: LoggedArtifact) -> None:
    if record._path != path and place.repository(record._path).place != place.repository(path).place:
        raise NotFoundError(
            "no-such-artifact", f"{record.qualified_name} is in another repository than the run", hint="art ls"
        )


def _names(aliases: Sequence[str] | str | None) -> list[str]:
    """Aliases without `latest`, which is computed."""
    return [naming.alias(word) for word in _words(aliases) if word != "latest"]


def _words(words: Sequence[str] | str | None) -> list[str]:
    return [words] if isinstance(words, str) else [str(word) for word in words or ()]
