"""The card of `art why`: ten lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from artcli.cli.cards import card
from artcli.cli.console import Console
from artcli.cli.formatting import for_person, for_program
from artcli.flows.lineage.why import Change, Later, Why

_VALUES, _CHANGES, _LATER = 8, 6, 3
"""How many values, changes and later runs the card has room for: it is ten lines long."""


def card_of(console: Console, known: Why, item: Mapping[str, Any]) -> str:
    """The card of what `why` knows; `item` is the same as its schema has it."""

    def value(value: Any) -> str:
        return for_person(value, "object", 0.0) if console.for_person else for_program(value, "object")

    def values(some: Mapping[str, Any]) -> str:
        return _some([f"{key} = {value(one)}" for key, one in some.items()], _VALUES)

    def later(run: Later) -> str:
        words = [run.row.value("name"), run.row.value("job_type"), run.row.state, f"via {run.via}" if run.via else None]
        return "  ".join(filter(None, [*words, values(run.summary)]))

    run, names = known.made_by, f"  ({', '.join(known.aliases)})" if known.aliases else ""
    made = f"by run {run.value('name')}, {run.state}" if run else "by hand: no run logged it"
    again = f", and the same again by {known.again_by} more" if known.again_by else ""
    who = f"{console.when(item['time'])} by {for_person(item['actor'], 'person', 0.0)} on {item['machine']}"
    told = [later(run) for run in known.later[:_LATER]]
    if known.later_in_all > _LATER:
        told[-1] += f"  … {known.later_in_all - _LATER:,} more"
    since = [_change(change, value) for change in known.changes]
    since_text = _some(since, _CHANGES) or ("nothing is different" if known.before else "the first one")
    return card(
        console.style(item["ref"], "yellow") + names,
        [
            ("made", f"{made}{again}, {who}"),
            ("data", ", ".join(_input(one) for one in item["data"]) or "none is recorded"),
            ("code", _code(item["code"]) or "none is recorded"),
            ("config" if run else "metadata", values(known.config) or "none"),
            ("metrics", values(known.metrics) or "none"),
            (f"since v{known.before.number}" if known.before else "before", since_text),
            ("used by", "\n".join(told) or "no run yet"),
        ],
    )


def _input(item: Mapping[str, Any]) -> str:
    marks = [item["role"]] if item["role"] else []
    marks += ["deleted"] if item["state"] in ("trash", "purged") else []
    return f"{item['ref']} ({', '.join(marks)})" if marks else str(item["ref"])


def _code(code: Mapping[str, Any]) -> str:
    from shlex import join

    commit = f"{str(code['commit'])[:12]}{' with changes' if code['dirty'] else ''}" if code["commit"] else ""
    branch = f"on {code['branch']}" if code["branch"] and commit else ""
    command = join(map(str, code["argv"])) if code["argv"] else str(code["program"] or "")
    return "  ".join(filter(None, [commit, branch, command.replace("\n", " ")]))


def _change(change: Change, value: Callable[[Any], str]) -> str:
    if change.section == "files":
        count = change.new
        return f"{count:,} file{' differs' if count == 1 else 's differ'}" if count else "files differ"
    if change.key == "argv":
        return "the command"
    old, new = ("none" if one is None else value(one) for one in (change.old, change.new))
    if change.key == "git.commit":
        old, new = old[:12], new[:12]
    return f"{old} → {new}" if change.section == "data" else f"{change.key} {old} → {new}"


def _some(words: Sequence[str], most: int) -> str:
    more = f", … {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]).replace("\n", " ") + more
