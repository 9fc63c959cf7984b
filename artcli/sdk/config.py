"""A run's config: a mapping whose keys are attributes too.

A value is set once; another value needs `update(…, allow_val_change=True)`. Settings from outside
(ART_CONFIG_OVERRIDES: `-c` of `art run`) win: the program's own word on such a key is left out, and one line says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from artcli.errors import ConflictError, UsageError
from artcli.flows.runs import config_file, mask, overrides
from artcli.sdk.values import plain
from artcli.sdk.voice import say

Tell = Callable[[Mapping[str, Any]], None]


class Config(Mapping[str, Any]):
    """`config.lr`, `config["lr"]`, `dict(config)`, `**config`, `config.update({...})`."""

    _items: dict[str, Any]

    def __init__(self, tell: Tell, outside: Mapping[str, Any] | None = None) -> None:
        """`tell` gets what is set; `outside` are settings that win."""
        object.__setattr__(self, "_items", {})
        object.__setattr__(self, "_tell", tell)
        object.__setattr__(self, "_outside", dict(outside or {}))

    def update(self, d: Any = (), allow_val_change: bool | None = None) -> None:
        """Set what a mapping, an `argparse.Namespace`, absl's flags or a file (its path) hold.

        Raises `ConflictError` (`config-changed`) if that changes a value and `allow_val_change` is not true: then
        nothing is set. TypeError if `d` is none of these.
        """
        self._set(parse(d), bool(allow_val_change))

    def setdefaults(self, d: Any) -> None:
        """Set those keys that are not set."""
        self._set({key: value for key, value in parse(d).items() if key not in self._items}, False)

    def as_dict(self) -> dict[str, Any]:
        return dict(self._items)

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._set({key: value}, False)

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)  # copy and pickle ask before there is anything
        try:
            return self._items[key]
        except KeyError:
            raise AttributeError(f"the config has no {key!r}") from None

    def __setattr__(self, key: str, value: Any) -> None:
        self._set({key: value}, False)

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self._items]

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self._items,)  # a copy in another process is the values

    def _set(self, given: Mapping[str, Any], allow_change: bool) -> None:
        named = {str(key).strip("-"): value for key, value in given.items()}
        wanted = {key: plain(value, key=key, unknown=str) for key, value in named.items()}
        ruled = overrides.apply({**self._items, **wanted}, self._outside)
        for key in wanted:
            if ruled[key] != wanted[key] and not _same(ruled[key], wanted[key]):
                stays, other = _told(key, ruled[key]), _told(key, wanted[key])
                say(f"config {key} is set from outside: {stays} stays, not {other}")
                wanted[key] = ruled[key]
            elif not allow_change and key in self._items and not _same(self._items[key], wanted[key]):
                there, other = _told(key, self._items[key]), _told(key, wanted[key])
                raise ConflictError(
                    "config-changed", f"config {key} is {there} already and would become {other}",
                    facts=["run.config.update({…}, allow_val_change=True) changes it"], hint="art help config-changed",
                )  # fmt: skip
        new = {key: value for key, value in wanted.items() if key not in self._items or self._items[key] != value}
        if new:
            self._tell(new)
            self._items.update(new)

    def _begin(self, said: Mapping[str, Any]) -> None:
        """Take what the run's config is already; nobody need be told."""
        self._items.update(said)


def parse(config: Any, exclude: Iterable[str] | None = None, include: Iterable[str] | None = None) -> dict[str, Any]:
    """What may be given as a config, as a dictionary; raises `UsageError`, TypeError."""
    if exclude and include:
        raise UsageError("bad-config-keys", "config_exclude_keys and config_include_keys exclude each other")
    found = _mapping(config)
    chosen = set(include) if include else set(found) - set(exclude or ())
    return {key: value for key, value in found.items() if key in chosen}


def _mapping(config: Any) -> dict[str, Any]:
    if config is None:
        return {}
    if isinstance(config, str):
        return _from_file(Path(config))
    if isinstance(config, Mapping):
        return dict(config)
    if isinstance(config, list | tuple):
        return dict(config)
    if hasattr(config, "flag_values_dict"):  # absl.flags.FLAGS
        return dict(config.flag_values_dict())
    if hasattr(config, "FLAGS"):
        return _mapping(config.FLAGS)
    if not hasattr(config, "__dict__"):
        raise TypeError("config must be a dict or have a __dict__ attribute")
    return dict(vars(config))


def _from_file(path: Path) -> dict[str, Any]:
    """The keys of a file; W&B's form `{key: {"value": …, "desc": …}}` is understood."""
    found = config_file.read(path, otherwise=".yaml")
    return {
        key: value["value"] if isinstance(value, dict) and "value" in value else value
        for key, value in found.items()
        if key != "wandb_version"
    }


def _told(key: str, value: Any) -> str:
    """The value as a message tells it, which may be recorded as part of the console."""
    return repr(mask.settings({key: value})[key])


def _same(first: Any, second: Any) -> bool:
    return bool(first == second) or (first != first and second != second)  # NaN is NaN here
