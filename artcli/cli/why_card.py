"""The card of `art why`: ten lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from artcli.catalog.runs.register import LIVE
from artcli.cli.cards import card
from artcli.cli.console import Console
from artcli.cli.formatting import for_person, for_program
from artcli.flows.lineage.why import Change, Later, Why, is_told

_VALUES, _CHANGES, _LATER = 8, 8, 3
"""How many values, changes and later runs the card has room for: it is ten lines long."""
_SAID = {"argv": "the command", "script": "the script", "diff": "what was not committed"}
"""What is too long to be shown."""


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
    gone = " (deleted)" if run and run.view.run.state != LIVE else ""
    made = f"by run {run.value('name')}{gone}, {run.state}" if run else "by hand: no run logged it"
    again = f", and the same again by {known.again_by} more" if known.again_by else ""
    who = f"{console.when(item['time'])} by {for_person(item['actor'], 'person', 0.0)} on {item['machine']}"
    told = [later(run) for run in _told_first(known.later)]
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
            ("config" if is_told(run) else "metadata", values(known.config) or "none"),
            ("metrics", values(known.metrics) or "none"),
            (f"since v{known.before.number}" if known.before else "before", since_text),
            ("used by", "\n".join(told) or "no run yet"),
        ],
    )


def _told_first(runs: Sequence[Later]) -> Sequence[Later]:
    """As many as there is room for: those with a summary rather than others, in the order in which they came."""
    chosen = sorted(range(len(runs)), key=lambda number: not runs[number].summary)[:_LATER]
    return [runs[number] for number in sorted(chosen)]


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
    if change.section == "code" and change.key in _SAID:
        return _SAID[change.key]
    old, new = ("none" if one is None else value(one) for one in (change.old, change.new))
    if change.key == "git.commit":
        old, new = old[:12], new[:12]
    return f"{old} → {new}" if change.section == "data" else f"{change.key} {old} → {new}"


def _some(words: Sequence[str], most: int) -> str:
    more = f", … {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]).replace("\n", " ") + more
