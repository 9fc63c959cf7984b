"""A model of what a user of one repository may see, as plain dicts, and a machine that compares it with the program.

The machine does at random what users do: logs directories, and versions made of other versions; names, tags, edits,
deletes, restores, undoes; uses versions in one directory in which he also works; collects garbage; and has commands
die in the middle of it all. After each step the repository is sound, shows what the model shows, its history has only
grown, and no bytes of the user's are gone.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from artcli.buckets.disk import DiskBucket
from artcli.catalog import texts
from artcli.catalog.fold import LIVE, PURGED, TRASH
from artcli.catalog.repository import Repository
from artcli.errors import ArtError, ConflictError, UsageError
from artcli.files.sources import Source
from artcli.flows import alias, edit, log_artifact, revise, rm, tag, undo, use
from artcli.flows.collect import Request as Collection
from artcli.flows.collect import collect
from tests.kit import sound, trees
from tests.kit.faulty import FaultyBucket
from tests.kit.trees import Empty, Leaf, Link, Program
from tests.store.material import noise

PROJECT = "uncategorized"
NAMES = ("d", "m")
LABELS = ("best", "stable")
PATHS = ("a", "b", "c", "c-", "c.x", "c/a", "c/d", "c/d/e", "c/d.e", "c0", "e/f/g")
LEAVES: Sequence[Leaf] = (
    b"", b"a", noise(256, "1"), noise(257, "2"), noise(5000, "3"), noise(5000, "4"), noise(300_000, "5"),
    noise(300_000, "5") + noise(1000, "6"), Program(b"#!a"), Program(noise(257, "2")), Link("a"), Link("../b"), Empty(),
)  # fmt: skip

LONG = ("three" * 300, "four" * 300)
"""Texts that facts only name."""

Tree = dict[str, Leaf]


# --- the model ---


@dataclass
class Kept:
    """A version."""

    tree: Tree
    state: str = LIVE
    tags: set[str] = field(default_factory=set)
    description: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class Model:
    """What there is: versions of each name, by their number, and aliases."""

    versions: dict[str, list[Kept]] = field(default_factory=dict)
    aliases: dict[str, dict[str, int]] = field(default_factory=dict)

    def live(self) -> list[tuple[str, int]]:
        return self.in_state(LIVE)

    def in_state(self, state: str) -> list[tuple[str, int]]:
        return [
            (name, number)
            for name in sorted(self.versions)
            for number, kept in enumerate(self.versions[name])
            if kept.state == state
        ]

    def newest(self, name: str) -> Kept | None:
        return next((kept for kept in reversed(self.versions.get(name, [])) if kept.state == LIVE), None)

    def log(self, name: str, tree: Tree, label: str | None, tags: Iterable[str] = (), **said: Any) -> None:
        versions = self.versions.setdefault(name, [])
        newest = self.newest(name)
        if newest is None or newest.tree != tree:
            newest = Kept(tree)
            versions.append(newest)
        newest.tags.update(tags)
        if said.get("description"):
            newest.description = said["description"]
        newest.metadata.update(said.get("metadata", {}))
        if label:
            number = next(number for number, kept in enumerate(versions) if kept is newest)
            self.aliases.setdefault(name, {})[label] = number

    def remove(self, name: str, number: int) -> None:
        self.versions[name][number].state = TRASH
        aliases = self.aliases.get(name, {})
        self.aliases[name] = {label: target for label, target in aliases.items() if target != number}

    def moved(self, before: Model) -> list[tuple[str, int]]:
        """The versions whose state is not what it was."""
        return [
            (name, number)
            for name, versions in before.versions.items()
            for number, kept in enumerate(versions)
            if self.versions[name][number].state != kept.state
        ]

    def undo(self, done: Done) -> bool:
        """Take back the last command of those that are left; False if gc has made that impossible."""
        if any(self.versions[name][number].state == PURGED for name, number in done.moved):
            return False
        for name, versions in self.versions.items():
            known = done.before.versions.get(name, [])
            for number, kept in enumerate(versions):
                if number >= len(known):
                    kept.tags = set()
                    kept.state = PURGED if kept.state == PURGED else TRASH
                elif kept.state != PURGED:
                    state = known[number].state if (name, number) in done.moved else kept.state
                    versions[number] = replace(copy.deepcopy(known[number]), state=state)
        self.aliases = copy.deepcopy(done.before.aliases)
        return True

    def shown(self) -> Any:
        """As `observed` shows the repository."""
        return {
            name: (
                [(kept.state, sorted(kept.tags), kept.description, kept.metadata) for kept in versions],
                self.aliases.get(name, {}),
                [kept.tree if kept.state != PURGED else None for kept in versions],
            )
            for name, versions in self.versions.items()
            if versions
        }


class Done(NamedTuple):
    """A command that can be undone."""

    before: Model
    """What there was before it."""
    moved: list[tuple[str, int]]
    """Versions that it deleted or restored."""


def observed(repository: Repository) -> Any:
    """All that the model knows of, read from the repository, every byte verified."""
    catalog, store = repository.catalog, repository.store
    shown = {}
    for artifact in catalog.artifacts(PROJECT):
        versions = list(catalog.versions(artifact.id, (LIVE, TRASH, PURGED)))
        assert [version.number for version in versions] == list(range(len(versions)))
        numbers = {version.id: version.number for version in versions}
        shown[artifact.name] = (
            [
                (version.state, catalog.tags_of(version), texts.read(store, version.description), version.metadata)
                for version in versions
            ],
            {item.alias: numbers[item.version] for item in catalog.aliases(artifact.id)},
            [trees.content(store, version) if version.state != PURGED else None for version in versions],
        )
    return shown


def grown(plan: dict[str, int]) -> Tree:
    """The tree of a plan, without what would lie below a leaf."""
    tree: Tree = {}
    for path in sorted(plan):
        if not any(path.startswith(above + "/") for above in tree):
            tree[path] = LEAVES[plan[path]]
    return tree


def added(tree: Tree, more: Tree) -> Tree | None:
    """What a version with `tree` becomes when `more` is added; None if a file would be a folder."""
    result = dict(tree)
    for path, leaf in more.items():
        below = any(other.startswith(path + "/") for other in result)
        if below and isinstance(leaf, Empty):
            continue
        above = [other for other in result if path.startswith(other + "/")]
        if below or any(not isinstance(tree.get(other), Empty) for other in above):
            return None
        for other in above:
            del result[other]
        result[path] = leaf
    return result


def without(tree: Tree, path: str) -> Tree:
    return {other: leaf for other, leaf in tree.items() if other != path and not other.startswith(path + "/")}


def at(tree: Tree, path: str, dest: str) -> Tree:
    """The leaf `path`, or all below it, moved to `dest`."""
    return {
        dest + other[len(path) :]: leaf for other, leaf in tree.items() if other == path or other.startswith(path + "/")
    }


def files(leaves: Iterable[Leaf]) -> set[bytes]:
    """The bytes of the files among them."""
    return {leaf.data if isinstance(leaf, Program) else leaf for leaf in leaves if isinstance(leaf, (bytes, Program))}


# --- the machine ---

plans = st.dictionaries(st.sampled_from(PATHS), st.integers(0, len(LEAVES) - 1), max_size=7)
"""Trees, their leaves by number, which keeps a failure legible."""
names = st.sampled_from(NAMES)
labels = st.none() | st.sampled_from(LABELS)
paths = st.sampled_from(PATHS)
choices = st.integers(0, 1 << 16)
"""Chooses among what there is."""


class ArtMachine(RuleBasedStateMachine):
    """One user, one repository, one directory in which versions are used."""

    def __init__(self) -> None:
        super().__init__()
        shm = Path("/dev/shm")
        self.home = Path(tempfile.mkdtemp(prefix="art-machine-", dir=shm if shm.is_dir() else None))
        self.repository, _ = Repository.init(self.home)
        self.model = Model()
        self.done: list[Done] = []
        """Commands that can be undone, less those that were."""
        self.history: list[str] = []
        self.crash: tuple[int, Literal["before", "after"]] | None = None
        self.edits = 0
        self.used = self.home / "used"

    def teardown(self) -> None:
        self.repository.close()
        shutil.rmtree(self.home, ignore_errors=True)

    # --- doing ---

    def do(
        self, run: Callable[[Repository], object], change: Callable[[Model], object], *, undoable: bool = True
    ) -> None:
        """Run a command, perhaps one that dies, and do the same to the model."""
        after = copy.deepcopy(self.model)
        change(after)
        try:
            if self.crash is None:
                run(self.repository)
            else:
                self._run_dying(run)
        except (OSError, ArtError):
            if self.crash is None:
                raise
            self.reopen()
            if observed(self.repository) != after.shown():
                after = self.model
        if undoable and after.shown() != self.model.shown():
            self.done.append(Done(self.model, after.moved(self.model)))
        self.model = after
        self.crash = None

    def _run_dying(self, run: Callable[[Repository], object]) -> None:
        assert self.crash
        k, when = self.crash
        self.repository.close()
        bucket = FaultyBucket(DiskBucket(self.repository.path))
        self.repository = Repository(self.repository.path, bucket)
        bucket.k, bucket.when = bucket.operations + k, when
        run(self.repository)
        self.reopen()

    def reopen(self) -> None:
        self.repository.close()
        self.repository = Repository(self.repository.path)

    def log(self, name: str, tree: Tree, label: str | None, sources: Sequence[Source], **more: Any) -> None:
        said = {key: more[key] for key in ("tags", "description", "metadata") if key in more}
        request = log_artifact.Request(
            name, PROJECT, sources, aliases=[label] if label else [], allow_empty=True, workers=2, **more
        )
        self.do(
            lambda repository: log_artifact.log_artifact(repository, request),
            lambda model: model.log(name, tree, label, **said),
        )

    def some(self, among: Sequence[tuple[str, int]], choice: int) -> tuple[str, int, str]:
        name, number = among[choice % len(among)]
        return name, number, f"{name}:v{number}"

    # --- what users do ---

    @initialize(plan=plans)
    def begin(self, plan: dict[str, int]) -> None:
        self.log_directory("d", plan, None)

    @rule(name=names, plan=plans, label=labels)
    def log_directory(self, name: str, plan: dict[str, int], label: str | None) -> None:
        folder = self.home / "data"
        tree = grown(plan)
        trees.plant(folder, tree)
        self.log(name, tree, label, [Source(bytes(folder))])

    @rule(name=names, tags=st.sets(st.sampled_from(["x", "y"])), value=st.integers(0, 3))
    def log_used_directory(self, name: str, tags: set[str], value: int) -> None:
        self.used.mkdir(exist_ok=True)
        said = {"tags": sorted(tags), "description": f"number {value}", "metadata": {"value": value}}
        self.log(name, trees.harvest(self.used), None, [Source(bytes(self.used))], **said)

    @precondition(lambda self: self.model.live())
    @rule(name=names, base=choices, other=choices, gone=paths, old=paths, new=paths, path=paths, leaf=st.integers(0, 9))
    def log_from_base(
        self, name: str, base: int, other: int, gone: str, old: str, new: str, path: str, leaf: int
    ) -> None:
        live = self.model.live()
        base_name, base_number, base_ref = self.some(live, base)
        other_name, other_number, other_ref = self.some(live, other)
        tree: Tree | None = dict(self.model.versions[base_name][base_number].tree)
        remove, move, take = [], [], []
        assert tree is not None
        if without(tree, gone) != tree:
            tree = without(tree, gone)
            remove = [gone.encode()]
        if at(tree, old, new) and new != old and not new.startswith(old + "/"):
            tree = added(without(tree, old), at(tree, old, new))
            move = [(old.encode(), new.encode())]
        taken = at(self.model.versions[other_name][other_number].tree, old, new)
        if taken and tree is not None:
            tree = added(tree, taken)
            take = [revise.Taken(f"{other_ref}/{old}", new.encode())]
        trees.plant(self.home / "more", {"leaf": LEAVES[leaf]})
        tree = added(tree, {path: LEAVES[leaf]}) if tree is not None else None
        sources = [Source(bytes(self.home / "more" / "leaf"), path.encode())]
        changes = revise.Changes(remove, move, take)
        if tree is not None:
            self.log(name, tree, None, sources, base=base_ref, changes=changes)
            return
        request = log_artifact.Request(name, PROJECT, sources, base=base_ref, changes=changes, workers=2)
        slug = "none: a file became a folder"
        try:
            log_artifact.log_artifact(self.repository, request)
        except UsageError as error:
            slug = error.slug
        assert slug == "file-and-directory"

    @precondition(lambda self: self.model.live())
    @rule(choice=choices, label=st.sampled_from(LABELS))
    def name_it(self, choice: int, label: str) -> None:
        name, number, ref = self.some(self.model.live(), choice)
        self.do(
            lambda repository: alias.set_aliases(repository, ref, [label], PROJECT),
            lambda model: model.aliases.setdefault(name, {}).__setitem__(label, number),
        )

    @precondition(lambda self: any(self.model.aliases.values()))
    @rule(choice=choices)
    def take_name_away(self, choice: int) -> None:
        there = [(name, label) for name, labels in sorted(self.model.aliases.items()) for label in sorted(labels)]
        name, label = there[choice % len(there)]
        self.do(
            lambda repository: alias.remove_aliases(repository, [f"{name}:{label}"], PROJECT),
            lambda model: model.aliases[name].pop(label),
        )

    @precondition(lambda self: self.model.live())
    @rule(choice=choices, word=st.sampled_from(["x", "y"]), remove=st.booleans())
    def tag_it(self, choice: int, word: str, remove: bool) -> None:
        name, number, ref = self.some(self.model.live(), choice)

        def change(model: Model) -> None:
            tags = model.versions[name][number].tags
            (tags.discard if remove else tags.add)(word)

        self.do(lambda repository: tag.set_tags(repository, ref, [word], PROJECT, remove), change)

    @precondition(lambda self: self.model.live())
    @rule(
        choice=choices,
        text=st.sampled_from(["", "one", "two", *LONG]),
        key=st.sampled_from("kl"),
        value=st.integers(0, 2),
    )
    def edit_it(self, choice: int, text: str, key: str, value: int) -> None:
        name, number, ref = self.some(self.model.live(), choice)
        edits = edit.Edits(description=text, set={key: value} if value else {}, unset=[] if value else [key])

        def change(model: Model) -> None:
            kept = model.versions[name][number]
            kept.description = text or None
            kept.metadata.pop(key, None)
            if value:
                kept.metadata[key] = value

        self.do(lambda repository: edit.edit(repository, ref, edits, PROJECT), change)

    @precondition(lambda self: self.model.live())
    @rule(choice=choices)
    def remove_it(self, choice: int) -> None:
        name, number, ref = self.some(self.model.live(), choice)

        def run(repository: Repository) -> None:
            rm.remove(repository, rm.plan_rm(repository.catalog, [ref], rm.Selection(), PROJECT))

        self.do(run, lambda model: model.remove(name, number))

    @precondition(lambda self: self.model.in_state(TRASH))
    @rule(choice=choices)
    def restore_it(self, choice: int) -> None:
        name, number, ref = self.some(self.model.in_state(TRASH), choice)
        self.do(
            lambda repository: rm.restore(repository, [ref], PROJECT),
            lambda model: setattr(model.versions[name][number], "state", LIVE),
        )

    @precondition(lambda self: self.done)
    @rule()
    def undo_it(self) -> None:
        done = self.done[-1]
        after = copy.deepcopy(self.model)
        if after.undo(done):
            self.do(undo.undo, lambda model: model.undo(done), undoable=False)
            if self.model.shown() == after.shown():  # it did not die too early
                self.done.pop()
            return
        slug = "none: what gc has taken came back"
        try:
            undo.undo(self.repository)
        except ConflictError as error:
            slug = error.slug
        assert slug == "moved-on"

    @rule(empty=st.booleans())
    def collect_garbage(self, empty: bool) -> None:
        def change(model: Model) -> None:
            for name, number in model.in_state(TRASH) if empty else []:
                purged = model.versions[name][number]
                purged.state = PURGED
                if purged.description in LONG:
                    purged.description = None

        self.do(
            lambda repository: collect(repository, Collection(empty_trash=empty)),
            change,
            undoable=False,
        )

    @rule(k=st.integers(1, 40), when=st.sampled_from(["before", "after"]))
    def let_the_next_die(self, k: int, when: Literal["before", "after"]) -> None:
        self.crash = k, when

    @rule()
    def come_back_tomorrow(self) -> None:
        self.reopen()

    @rule()
    def lose_the_cache(self) -> None:
        self.repository.close()
        shutil.rmtree(self.repository.path / "cache")
        (self.repository.path / "cache").mkdir()
        self.repository = Repository(self.repository.path)

    # --- the directory ---

    @precondition(lambda self: self.model.live())
    @rule(choice=choices, exact=st.booleans(), only=st.none() | paths)
    def use_it(self, choice: int, exact: bool, only: str | None) -> None:
        name, number, ref = self.some(self.model.live(), choice)
        target = self.model.versions[name][number].tree
        if only is not None:
            target = {path: leaf for path, leaf in target.items() if path == only or path.startswith(only + "/")}
            if not target:
                return
        request = use.Request(
            f"{ref}/{only}" if only is not None else ref, PROJECT, self.home, self.used, exact=exact, workers=2
        )
        before = trees.harvest(self.used)
        crashes = self.crash is not None
        self.do(lambda repository: use.use(repository, request), lambda model: None, undoable=False)
        self.nothing_is_lost(before)
        if crashes:
            use.use(self.repository, request)
            self.nothing_is_lost(before)
        there = trees.harvest(self.used)
        if exact:
            assert there == target
        assert target.items() <= there.items()
        again = use.use(self.repository, request)
        assert again.plan.is_done, again.plan
        assert trees.harvest(self.used) == there

    def nothing_is_lost(self, before: Tree) -> None:
        """The bytes of the files that were in the directory are there, or rescued, or in a version."""
        there = files(trees.harvest(self.used).values())
        there |= files(trees.harvest(self.repository.path / "local" / "rescued").values())
        for versions in self.model.versions.values():
            for kept in versions:
                if kept.state != PURGED:
                    there |= files(kept.tree.values())
        lost = [path for path, leaf in before.items() if not files([leaf]) <= there | {b""}]
        assert not lost

    @rule(path=paths, leaf=st.integers(0, len(LEAVES) + 5))
    def work_in_it(self, path: str, leaf: int) -> None:
        self.edits += 1
        self.used.mkdir(exist_ok=True)
        mine = noise((20, 5000, 300_000)[leaf % 3], f"mine {self.edits}")
        trees.put(self.used, path, LEAVES[leaf] if leaf < len(LEAVES) else mine)

    @precondition(lambda self: trees.harvest(self.used))
    @rule(choice=choices)
    def remove_from_it(self, choice: int) -> None:
        there = sorted(trees.harvest(self.used))
        trees.fell(self.used, there[choice % len(there)])

    # --- what always holds ---

    @invariant()
    def is_sound(self) -> None:
        sound.check_open(self.repository)

    @invariant()
    def shows_what_the_model_shows(self) -> None:
        assert observed(self.repository) == self.model.shown()

    @invariant()
    def history_only_grows(self) -> None:
        history = [event.fact.id for event in self.repository.catalog.events()]
        assert history[: len(self.history)] == self.history
        self.history = history
