"""From the text of a reference to the version that it means, with help where it means none.

One resolver serves every command: the current project first, then any other project that alone has the name; numbers,
aliases, `latest`, digests, and steps back; and when nothing fits, what exists instead and the nearest spelling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from artcli.catalog import spec
from artcli.catalog.catalog import Artifact, Catalog, Version
from artcli.catalog.fold import PURGED, TRASH
from artcli.catalog.spec import Spec
from artcli.errors import ConflictError, NotFoundError, UsageError


class Resolved(NamedTuple):
    version: Version
    path: bytes | None
    """The path behind the version, if the reference has one."""
    note: str | None
    """What the user should hear: the name was found elsewhere, or has changed."""


def version(catalog: Catalog, text: str, project: str) -> Resolved:
    """The live version that `text` means in `project`, and the path that it names in it.

    Raises `NotFoundError` (`no-such-artifact`, `no-such-version`, `no-such-alias`, `no-such-digest`, `version-deleted`,
    `version-purged`), `UsageError` (`bad-reference`).
    """
    wanted, artifact, note = reading(catalog, text, project)
    found = _version(catalog, wanted, artifact)
    if wanted.back:
        found = _back(catalog, found, wanted)
    return Resolved(found, wanted.path, note)


def whole(catalog: Catalog, text: str, project: str) -> Resolved:
    """As `version`, for what concerns whole versions; raises `UsageError` (`path-not-wanted`) for a path in one."""
    found = version(catalog, text, project)
    if found.path is not None:
        raise _path_not_wanted(text, found.version.ref)
    return found


def artifact(catalog: Catalog, text: str, project: str) -> tuple[Artifact, str | None]:
    """The artifact that a name means, and a note for the user; raises `NotFoundError`, `UsageError`."""
    wanted = spec.parse(text)
    if wanted.path is not None:
        raise _path_not_wanted(text, wanted.name)
    return _artifact(catalog, wanted, project)


def check_case(catalog: Catalog, project: str, name: str, own: Artifact | None = None) -> None:
    """Raise `ConflictError` (`name-case`) if another artifact's name differs from `name` by case only.

    Some file systems take the two for one. `own` is the artifact that is to have the name, if it is there already.
    """
    for other in catalog.artifacts(project):
        if other.name != name and other.name.lower() == name.lower() and (own is None or other.id != own.id):
            raise ConflictError(
                "name-case",
                f"'{name}' differs only by case from the artifact '{other.name}'",
                hint=f"art ls {other.name}",
            )


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The word that `word` was perhaps meant to be."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(words), n=1, cutoff=0.6)
    return close[0] if close else None


def some(words: Sequence[str], most: int = 12) -> str:
    """The first of many words, for a message."""
    shown = ", ".join(words[:most])
    return f"{shown}, … ({len(words)} in all)" if len(words) > most else shown


def reading(catalog: Catalog, text: str, project: str) -> tuple[Spec, Artifact, str | None]:
    """The first reading of a reference whose artifact exists, the artifact, and a note for the user.

    Raises `NotFoundError` (`no-such-artifact`), `UsageError` (`bad-reference`).
    """
    readings = spec.readings(text)
    for wanted in readings:
        try:
            found, note = _artifact(catalog, wanted, project)
        except NotFoundError:
            continue
        return wanted, found, note
    # none does: the message is about the project that exists, else about the shortest name
    named = [wanted for wanted in readings if wanted.project and catalog.artifacts(wanted.project)]
    likeliest = min(named or readings, key=lambda wanted: (wanted.project is not None, wanted.entity is not None))
    return likeliest, *_artifact(catalog, likeliest, project)


def _artifact(catalog: Catalog, wanted: Spec, project: str) -> tuple[Artifact, str | None]:
    home = wanted.project or project
    if found := catalog.artifact(home, wanted.name):
        return found, _renamed(found, wanted.name)
    elsewhere = catalog.projects_with(wanted.name)
    if not wanted.project and len(elsewhere) == 1 and (found := catalog.artifact(elsewhere[0], wanted.name)):
        note = f"'{wanted.name}' is not in project '{home}'; taken from '{elsewhere[0]}'"
        return found, _renamed(found, wanted.name) or note
    names = [item.name for item in catalog.artifacts(home)]
    facts = [f"project: {home}   artifacts: {some(names) or 'none yet'}"]
    guess = nearest(wanted.name, names)
    hint = f"art ls -p {wanted.project}" if wanted.project and names else "art ls --all-projects"
    if elsewhere:
        facts = [f"projects that have it: {', '.join(elsewhere)}"]
        hint = f"art show {elsewhere[0]}/{wanted.name}"
    elif guess:
        guess = f"{wanted.project}/{guess}" if wanted.project else guess
        facts.append(f"did you mean '{guess}'?")
        hint = f"art ls {guess}"
    raise NotFoundError("no-such-artifact", f"no artifact '{wanted.name}'", facts=facts, hint=hint)


def _version(catalog: Catalog, wanted: Spec, artifact: Artifact) -> Version:
    if wanted.digest:
        found = catalog.with_digest(wanted.digest, artifact.id)
        if not found:
            message = f"no version of '{artifact.name}' with digest {wanted.digest}"
            raise missing(catalog, artifact, "no-such-digest", message)
        return found[0]
    word = wanted.version or "latest"
    if word == "latest":
        found_one = catalog.latest(artifact.id)
    elif (number := version_number(word)) is not None:
        found_one = catalog.numbered(artifact.id, number)
    else:
        found_one = catalog.aliased(artifact.id, word)
    if found_one is None:
        kind = "version" if spec.RESERVED_ALIAS.fullmatch(word) else "alias"
        raise missing(catalog, artifact, f"no-such-{kind}", f"no {kind} '{word}' in artifact '{artifact.name}'", word)
    return _live(found_one)


def version_number(word: str) -> int | None:
    """3 for `v3` and `3`, None for other words; numbers that no version can have give −1."""
    digits = word.removeprefix("v")
    if not digits.isdecimal():
        return None
    return int(digits) if len(digits) < 16 else -1


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
        raise purged(found)
    return found


def purged(found: Version) -> NotFoundError:
    """The error for a version whose bytes are gone."""
    return NotFoundError(
        "version-purged", f"{found.ref} was deleted and its bytes are gone", hint=f"art ls {found.name}"
    )


def missing(catalog: Catalog, artifact: Artifact, slug: str, message: str, word: str = "") -> NotFoundError:
    """The error for what an artifact lacks: what it has, and what `word` was perhaps meant to be."""
    numbers = [item.number for item in catalog.versions(artifact.id)]
    aliases = [alias.alias for alias in catalog.aliases(artifact.id)] + (["latest"] if numbers else [])
    span = f"v{numbers[0]}–v{numbers[-1]}" if len(numbers) > 1 else f"v{numbers[0]}" if numbers else "none"
    facts = [f"project: {artifact.project}   versions: {span}   aliases: {some(aliases) or 'none'}"]
    hint = f"art ls {artifact.name}"
    if guess := nearest(word, aliases):
        facts.append(f"did you mean '{artifact.name}:{guess}'?")
        hint = f"art show {artifact.name}:{guess}"
    return NotFoundError(slug, message, facts=facts, hint=hint)


def _renamed(found: Artifact, name: str) -> str | None:
    return None if found.name == name else f"'{name}' is now called '{found.name}'"


def _path_not_wanted(text: str, ref: str) -> UsageError:
    return UsageError(
        "path-not-wanted", f"this is about whole versions, and {text!r} names a path in one", hint=f"art show {ref}"
    )
