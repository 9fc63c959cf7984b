"""A repository in which runs use and make versions, by facts alone: no bytes, so that thousands take no time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from artcli.catalog.catalog import Version
from artcli.catalog.facts import Draft, Fact
from artcli.catalog.repository import Repository
from artcli.catalog.runs.lineage import Arrow, Lineage, Node
from artcli.content import digest_of

PROJECT = "uncategorized"


class Family:
    """A repository in `directory`. Versions are called `name:vN`, runs by their ids."""

    def __init__(self, directory: Path) -> None:
        self.repository, _ = Repository.init(directory)

    @property
    def lineage(self) -> Lineage:
        return Lineage(self.repository.follower.database)

    def version(self, name: str, type: str = "dataset", base: str | None = None) -> Version:
        """The next version of `name`, of content that no other has."""
        made = self.commit(self.version_draft(name, f"{name} {len([*self.repository.catalog.versions()])}", type, base))
        version = self.repository.catalog.version(made[0].id)
        assert version is not None
        return version

    def version_draft(self, name: str, content: str, type: str = "dataset", base: str | None = None) -> Draft:
        digest = digest_of(content.encode()).hex()
        data: dict[str, Any] = {
            "project": PROJECT, "name": name, "type": type, "page": digest, "digest": digest, "entries": 1, "size": 9,
            "new": {"entries": 1, "size": 9}, "stored": 9,
        }  # fmt: skip
        return Draft("version", {**data, "base": self.id(base)} if base else data)

    def run(
        self, id: str, inputs: Sequence[str] = (), outputs: Sequence[str] = (), *, job_type: str | None = None,
        outcome: str = "finished",
    ) -> None:  # fmt: skip
        """A run that used and made versions (`name:vN`), or used what lies elsewhere (`s3://…`)."""
        start = {"run": id, "project": PROJECT, "name": id, **({"job_type": job_type} if job_type else {})}
        drafts = [Draft("run", start)]
        for word in inputs:
            if "://" in word:
                drafts.append(Draft("input", {"run": id, "uri": word}))
            else:
                drafts.append(Draft("input", {"run": id, **self._named(word)}))
        drafts += [Draft("output", {"run": id, **self._named(word)}) for word in outputs]
        self.commit(*drafts, Draft("finish", {"run": id, "outcome": outcome}))

    def commit(self, *drafts: Draft) -> list[Fact]:
        return self.repository.commit(lambda _, make: [make(draft) for draft in drafts])

    def id(self, ref: str) -> str:
        name, _, number = ref.partition(":v")
        artifact = self.repository.catalog.artifact(PROJECT, name)
        version = self.repository.catalog.numbered(artifact.id, int(number)) if artifact else None
        assert version is not None, ref
        return version.id

    def node(self, word: str) -> Node:
        """The node of `name:vN`, or of a run's id."""
        return Node("version", self.id(word)) if ":v" in word else Node("run", word)

    def names(self, nodes: Sequence[Node] | set[Node]) -> set[str]:
        return {about.name for about in self.lineage.about(nodes).values()}

    def arrows(self, arrows: Sequence[Arrow]) -> set[str]:
        """`source > target` of each arrow."""
        known = self.lineage.about({node for arrow in arrows for node in arrow[:2]})
        return {f"{known[arrow.source].name} > {known[arrow.target].name}" for arrow in arrows}

    def _named(self, ref: str) -> dict[str, str]:
        version = self.repository.catalog.version(self.id(ref))
        assert version is not None
        return {"version": version.id, "digest": version.digest}


def pipeline(family: Family) -> Family:
    """Data that is labelled, two models of it, one trained on, one of which was never finished; a car that drove."""
    for name, type in [("raw", "dataset"), ("dataset", "dataset"), ("model", "model"), ("model", "model")]:
        family.version(name, type)
    family.version("model", "model")
    family.run("label", ["raw:v0", "s3://bucket/more"], ["dataset:v0"], job_type="label")
    family.run("train-1", ["dataset:v0"], ["model:v0"], job_type="train")
    family.run("train-2", ["dataset:v0"], ["model:v1"], job_type="train", outcome="crashed")
    family.run("tune", ["dataset:v0", "model:v0"], ["model:v2"], job_type="train")
    family.run("drive", ["model:v2"], job_type="drive")
    return family


def fine_tuning(family: Family, levels: int, runs: int) -> None:
    """A tree of `runs` runs: each trains on one of the models of the level above, with the one dataset."""
    data = family.commit(family.version_draft("data", "data"))[0]
    root = family.commit(family.version_draft("model", "m", "model"))[0]
    pin = data.data["digest"]
    parents = [(root.id, root.data["digest"])]
    done = 0
    for level in range(levels):
        count = (runs - done) // (levels - level)
        drafts = [family.version_draft("model", f"model {done + number}", "model") for number in range(count)]
        versions = family.commit(*drafts)
        facts = []
        for number, version in enumerate(versions):
            run = f"run{done + number:05d}"
            parent, digest = parents[number % len(parents)]
            facts += [
                Draft("run", {"run": run, "project": PROJECT, "name": run, "job_type": "tune"}),
                Draft("input", {"run": run, "version": parent, "digest": digest}),
                Draft("input", {"run": run, "version": data.id, "digest": pin}),
                Draft("output", {"run": run, "version": version.id, "digest": version.data["digest"]}),
                Draft("finish", {"run": run, "outcome": "finished"}),
            ]
        family.commit(*facts)
        parents = [(version.id, version.data["digest"]) for version in versions]
        done += count
