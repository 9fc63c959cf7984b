"""From the text of a reference to the version that it means, with help where it means none.

One resolver serves every command: the current project first, then any other project that alone has the name; numbers,
aliases, `latest`, digests, and steps back; and when nothing fits, what exists instead and the nearest spelling.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from artcli.catalog import spec
from artcli.catalog.catalog import Artifact, Catalog, Version
from artcli.catalog.fold import LIVE, PURGED, TRASH
from artcli.catalog.spec import Spec
from artcli.errors import NotFoundError


class Resolved(NamedTuple):
    version: Version
    path: bytes | None
    """The path behind the version, if the reference has one."""
    note: str | None
    """What the user should hear: the name was found elsewhere, or has changed."""


def version(catalog: Catalog, text: str, project: str) -> Resolved:
    """The live version that `text` means in `project`; raises `NotFoundError`, `UsageError`."""
    wanted = spec.parse(text)
    artifact, note = _artifact(catalog, wanted, project)
    found = _version(catalog, wanted, artifact)
    if wanted.back:
        found = _back(catalog, found, wanted)
    return Resolved(found, wanted.path, note)


def artifact(catalog: Catalog, text: str, project: str) -> tuple[Artifact, str | None]:
    """The artifact that a bare name means, and a note for the user; raises `NotFoundError`, `UsageError`."""
    return _artifact(catalog, spec.parse(text), project)


def by_digest(catalog: Catalog, prefix: str) -> Version:
    """The newest live version with this digest prefix; raises `NotFoundError` (`no-such-digest`)."""
    found = catalog.with_digest(prefix)
    if not found:
        raise NotFoundError("no-such-digest", f"no version has a digest that starts with {prefix}", hint="art ls")
    return found[0]


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word that `word` was perhaps meant to be."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)
    return close[0] if close else None


def _artifact(catalog: Catalog, wanted: Spec, project: str) -> tuple[Artifact, str | None]:
    home = wanted.project or project
    if found := catalog.artifact(home, wanted.name):
        return found, _renamed(found, wanted.name)
    elsewhere = [] if wanted.project else catalog.projects_with(wanted.name)
    if len(elsewhere) == 1 and (found := catalog.artifact(elsewhere[0], wanted.name)):
        note = f"'{wanted.name}' is not in project '{home}'; taken from '{elsewhere[0]}'"
        return found, _renamed(found, wanted.name) or note
    names = [item.name for item in catalog.artifacts(home)]
    if elsewhere:
        facts: Sequence[str] = [f"projects that have it: {', '.join(elsewhere)}"]
        hint = f"art show {elsewhere[0]}/{wanted.name}"
    else:
        facts = [f"project: {home}   artifacts: {_some(names) or 'none yet'}"]
        guess = nearest(wanted.name, names)
        hint = f"did you mean '{guess}'?" if guess else "art ls"
    raise NotFoundError("no-such-artifact", f"no artifact '{wanted.name}'", facts=facts, hint=hint)


def _version(catalog: Catalog, wanted: Spec, artifact: Artifact) -> Version:
    if wanted.digest:
        found = catalog.with_digest(wanted.digest, artifact.id)
        if not found:
            raise _missing(
                catalog,
                artifact,
                "no-such-digest",
                f"no version of '{artifact.name}' with digest {wanted.digest}",
            )
        return found[0]
    word = wanted.version or "latest"
    number = word.removeprefix("v")
    if number.isdecimal() and len(number) < 16 and (aliased := catalog.numbered(artifact.id, int(number))):
        return _live(aliased)
    found_one = catalog.latest(artifact.id) if word == "latest" else catalog.aliased(artifact.id, word)
    if found_one is None:
        kind = "version" if spec.RESERVED_ALIAS.fullmatch(word) else "alias"
        raise _missing(catalog, artifact, f"no-such-{kind}", f"no {kind} '{word}' in artifact '{artifact.name}'", word)
    return found_one


def _back(catalog: Catalog, found: Version, wanted: Spec) -> Version:
    before = [item for item in catalog.versions(found.artifact) if item.number < found.number]
    if len(before) < wanted.back:
        raise NotFoundError(
            "no-such-version",
            f"only {len(before)} live versions come before {found.ref}: {wanted}",
            hint=f"art ls {found.name}",
        )
    return before[-wanted.back]


def _live(found: Version) -> Version:
    if found.state == TRASH:
        raise NotFoundError("version-deleted", f"{found.ref} is in the trash", hint=f"art restore {found.ref}")
    if found.state == PURGED:
        raise NotFoundError(
            "version-purged", f"{found.ref} was deleted and its bytes are gone", hint=f"art ls {found.name}"
        )
    return found


def _missing(catalog: Catalog, artifact: Artifact, slug: str, message: str, word: str = "") -> NotFoundError:
    numbers = [item.number for item in catalog.versions(artifact.id, (LIVE,))]
    aliases = [alias.alias for alias in catalog.aliases(artifact.id)] + (["latest"] if numbers else [])
    span = f"v{numbers[0]}–v{numbers[-1]}" if len(numbers) > 1 else f"v{numbers[0]}" if numbers else "none"
    guess = nearest(word, aliases)
    return NotFoundError(
        slug,
        message,
        facts=[f"project: {artifact.project}   versions: {span}   aliases: {_some(aliases) or 'none'}"],
        hint=f"did you mean '{artifact.name}:{guess}'?" if guess else f"art ls {artifact.name}",
    )


def _renamed(found: Artifact, name: str) -> str | None:
    return None if found.name == name else f"'{name}' is now called '{found.name}'"


def _some(words: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(words[:most])
    return f"{shown}, … ({len(words)} in all)" if len(words) > most else shown
