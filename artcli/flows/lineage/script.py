"""A recipe as a shell script that does it again: it needs a POSIX shell, git for the code, base64, and art.

    sh again.sh [DIRECTORY]

The directory is made by it. What was not committed, and the script itself, are in it as base64; inputs are named by
their digests, so that they are the same bytes whatever their names mean by then, also in the code (ART_PINS).
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator, Sequence
from shlex import quote

from artcli.catalog.runs.lineage import UNKNOWN
from artcli.flows.lineage.recipe import Obstacle, Recipe, checkout
from artcli.flows.runs import pins

TAG = "again-of-"
"""The tag of a run that does another one again is this and its id."""
COPY = '"$code"'
_WIDTH = 100


def script(found: Recipe, obstacles: Sequence[Obstacle], folder: str) -> str:
    """The script; `folder`: the `.art` that it uses unless ART_DIR says otherwise."""
    return "\n".join(_lines(found, obstacles, folder)) + "\n"


def _lines(found: Recipe, obstacles: Sequence[Obstacle], folder: str) -> Iterator[str]:
    run = found.view.run
    yield "#!/bin/sh"
    yield _comment(f"does run {run.name} ({run.id}) again: {run.time}, on {run.machine}")
    if found.python:
        yield _comment(f"it had Python {found.python}")
    for obstacle in obstacles:
        yield _comment(f"beware: {obstacle.text}")
    yield "set -eu"
    yield f'export ART_DIR="${{ART_DIR:-{_in_quotes(folder)}}}"'
    yield f'again="${{1:-again-{run.id}}}"'
    yield 'mkdir -p "$again"'
    yield 'again=$(cd "$again" && pwd)'
    yield ""
    yield "# code"
    yield from _code(found)
    if found.packages:
        yield ""
        yield '# packages: pip install -r "$again-requirements.txt"'
        yield from _put("$again-requirements.txt", "".join(f"{name}\n" for name in found.packages).encode())
    if found.inputs:
        yield ""
        yield "# inputs"
    for pin in found.inputs:
        if pin.pinned in found.uses.values():
            yield f"# {pin.ref}  {pin.pinned}"
        else:
            yield f"art use {quote(pin.pinned)} > /dev/null   # {pin.ref}"
    if pinned := pins.environment(pin.pinned for pin in found.inputs if pin.state != UNKNOWN):
        yield f"export {pins.PINS}={quote(pinned)}"
    if found.settings:
        yield ""
        yield "# config"
        yield "config=$(mktemp -d)/config.json"
        yield from _put("$config", json.dumps(found.settings, default=str).encode())
    yield ""
    yield "# command"
    yield from _command(found)


def _code(found: Recipe) -> Iterator[str]:
    code, inside = found.code, _inside(found)
    if code is not None:
        yield f'code="${{CODE:-{_in_quotes(str(checkout(code) or code.root))}}}"'
        yield f'if git -C "$code" cat-file -e {code.commit} 2> /dev/null; then'
        yield f'  git -C "$code" worktree add --quiet --detach "$again" {code.commit}'
        yield "else"
        yield f'  git clone --quiet --no-checkout {quote(code.remote) if code.remote else COPY} "$again"'
        yield f'  git -C "$again" checkout --quiet --detach {code.commit}'
        yield "fi"
    if code is not None and code.diff:
        yield "base64 -d << 'END' | git -C \"$again\" apply --binary --whitespace=nowarn -"
        yield from _wrapped(code.diff)
    if inside:
        yield f'mkdir -p "$again"/{quote(inside)}'
    if found.script and not os.path.isabs(found.script[0]) and (code is None or found.script[0] in code.untracked):
        if os.path.dirname(found.script[0]):
            yield f'mkdir -p "$again"/{quote(os.path.dirname(found.script[0]))}'
        yield from _put("$again", found.script[1], found.script[0])
    yield f'cd "$again"{"/" + quote(inside) if inside else ""}'


def _inside(found: Recipe) -> str:
    """Where in the checkout the command ran; empty at its top."""
    if found.code is None:
        return ""
    inside = os.path.relpath(found.cwd, found.code.root) if found.cwd and found.code.root else "."
    return "" if inside == "." or inside.startswith("..") else inside


def _put(place: str, data: bytes, path: str = "") -> Iterator[str]:
    """Write a file at `path` in `place`, which begins with a variable."""
    below = f"/{quote(path)}" if path else ""
    yield f"base64 -d << 'END' > \"{place}\"{below}"
    yield from _wrapped(data)


def _wrapped(data: bytes) -> Iterator[str]:
    text = base64.b64encode(data).decode()
    yield from (text[at : at + _WIDTH] for at in range(0, len(text), _WIDTH))
    yield "END"


def _command(found: Recipe) -> Iterator[str]:
    run = found.view.run
    words = ["exec art run", f"--project {quote(run.project)}", f"--tag {TAG}{run.id}"]
    if run.job_type:
        words.append(f"--job-type {quote(run.job_type)}")
    if run.group:
        words.append(f"--group {quote(run.group)}")
    if found.as_wandb:
        words.append("--as-wandb")
    if found.settings:
        words.append('-c "@$config"')
    words += [f"--use {quote(f'{ref}={variable}')}" for variable, ref in found.uses.items()]
    words += [f"--use-ref {quote(uri)}" for uri in found.uris]
    for made in found.logs:
        options = [f"type={made['type']}"] if made.get("type") else []
        options += ["on=always"] if made.get("always") else []
        words.append(f"--log {quote(','.join([made['name'] + '=' + made['path'], *options]))}")
    yield " \\\n  ".join([*words, f"-- {' '.join(_word(word, found) for word in found.command)}"])


def _word(word: str, found: Recipe) -> str:
    """A word of the command, with what lay in the old checkout taken from the new one."""
    root = found.code.root if found.code else found.cwd
    if root and (word == root or word.startswith(root.rstrip("/") + "/")):
        return f'"$again"{quote(word[len(root.rstrip("/")) :]) if word != root else ""}'
    return quote(word)


def _in_quotes(text: str) -> str:
    """Text between double quotes, within `${…:-…}`."""
    return re.sub(r'(["$`\\}])', r"\\\1", text)


def _comment(text: str) -> str:
    return "# " + "".join(sign if sign.isprintable() else " " for sign in text)
