"""Conditions on runs and expressions of them: `config.lr<0.01 and (state=finished or not tag=draft)`.

A condition compares as `catalog.conditions` does; it asks for a field of the run, for what its config or its summary
has at a dotted key, or, by a name that is no field, for what its summary has, else its config.

    expression   term ("or" term)*
    term         factor ("and" factor)*
    factor       "not" factor | "(" expression ")" | condition
    condition    key, one of = == != < > <= >=, a value: a word, or anything in quotes
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from artcli.catalog.conditions import compare, is_misspelt
from artcli.errors import UsageError

Values = Callable[[str], Sequence[Any]]
"""What a run has at a key: nothing, a value, or several."""
Filter = Callable[[Values], bool]

_ORDER = "==|!=|<=|>=|=|<|>"
_TOKEN = re.compile(
    rf"\s*(?:(?P<mark>[()])|(?P<word>and|or|not)(?=[\s(])"
    rf"|(?P<key>\"[^\"]+\"|[^\s=!<>()\"]+)\s*(?P<order>{_ORDER})\s*(?P<value>\"[^\"]*\"|'[^']*'|[^\s()\"']+)|(?P<end>$))",
    re.IGNORECASE,
)
_CONDITION = re.compile(rf"\s*([^=!<>]+?)\s*({_ORDER})\s*(.*?)\s*", re.DOTALL)
_DEPTH = 50


def condition(text: str) -> Filter:
    """One condition, as `--where` has it: all behind the order is the value. Raises `UsageError` (`bad-filter`)."""
    found = _CONDITION.fullmatch(text)
    if not found:
        raise _bad(text, "it has none of = != < > <= >=")
    return _condition(text, *found.groups())


def expression(text: str) -> Filter:
    """An expression, as `--filter` has it. Raises `UsageError` (`bad-filter`)."""
    return _Reader(text).read()


def every(filters: Sequence[Filter]) -> Filter:
    """What all of them let through."""
    return lambda values: all(one(values) for one in filters)


class _Reader:
    """Reads one expression from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0
        self.tokens: list[dict[str, str]] = []
        position = 0
        while not self.tokens or "end" not in self.tokens[-1]:
            found = _TOKEN.match(text, position)
            if not found:
                raise _bad(text, f"nothing known begins at {text[position:].strip()[:20]!r}")
            self.tokens.append({name: value for name, value in found.groupdict().items() if value is not None})
            position = found.end()
        self.at = 0

    def read(self) -> Filter:
        found = self._any()
        if "end" not in self.tokens[self.at]:
            raise _bad(self.text, "an 'and' or 'or' is missing, or a '(' is")
        return found

    def _any(self) -> Filter:
        choices = [self._all()]
        while self._take("word", "or"):
            choices.append(self._all())
        return choices[0] if len(choices) == 1 else lambda values: any(one(values) for one in choices)

    def _all(self) -> Filter:
        parts = [self._one()]
        while self._take("word", "and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else every(parts)

    def _one(self) -> Filter:
        self.depth += 1
        if self.depth > _DEPTH:
            raise _bad(self.text, "it is nested too deep")
        try:
            if self._take("word", "not"):
                inner = self._one()
                return lambda values: not inner(values)
            if self._take("mark", "("):
                found = self._any()
                if not self._take("mark", ")"):
                    raise _bad(self.text, "a ')' is missing")
                return found
        finally:
            self.depth -= 1
        token = self.tokens[self.at]
        if "key" not in token:
            raise _bad(self.text, "a condition is missing")
        self.at += 1
        return _condition(self.text, token["key"].strip('"'), token["order"], _unquoted(token["value"]))

    def _take(self, kind: str, word: str) -> bool:
        there = self.tokens[self.at].get(kind, "").lower() == word
        self.at += there
        return there


def _condition(text: str, key: str, order: str, value: str) -> Filter:
    if is_misspelt(order, value):
        raise _bad(text, f"'{order}{value[0]}' is no comparison")
    if order == "!=":
        return lambda values: not any(compare("=", item, value) for item in values(key))
    sign = "=" if order == "==" else order
    return lambda values: any(compare(sign, item, value) for item in values(key))


def _unquoted(value: str) -> str:
    return value[1:-1] if value[0] in "\"'" else value


def _bad(text: str, why: str) -> UsageError:
    return UsageError(
        "bad-filter",
        f"not a filter, {why}: {text!r}",
        facts=["config.KEY, summary.KEY, name, job_type, group, state, tag, exit, used, logged, …"],
        hint="art runs --filter 'config.lr<0.01 and state=finished'",
    )
