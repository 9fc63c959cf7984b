"""Settings: one table of what can be set, and the layers in which a value is looked up.

A value is taken from the first layer that has it: flag, `ART_…` variable, this repository's
`local/config.toml`, the committed `art.toml` (or `[tool.art]` of `pyproject.toml`) beside the `.art` folder,
the user's `config.toml` (platformdirs), a conventional variable such as PAGER, the default. Files are read
when first asked.

The surprise: conventional variables with a fixed meaning (NO_COLOR) win over files, those that carry a value
(PAGER) yield to them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from artcli.errors import NotFoundError, UsageError

Value: TypeAlias = "str | int | bool | list[str]"
Kind = Literal["text", "number", "truth", "words"]

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


class Setting(NamedTuple):
    """One thing that can be set.

    `usual` are conventional variables, each with what it means, or None where it carries the value itself.
    """

    name: str
    kind: Kind
    default: Value
    help: str
    choices: tuple[str, ...] = ()
    usual: tuple[tuple[str, str | None], ...] = ()

    @property
    def variable(self) -> str:
        """The environment variable of this setting, `ART_…`."""
        return "ART_" + self.name.upper().replace(".", "_").replace("-", "_")


_TABLE = (
    Setting("project", "text", "uncategorized", "project of names that are given without one"),
    Setting(
        "color", "text", "auto", "colour on a terminal", ("auto", "always", "never"),
        (("NO_COLOR", "never"), ("FORCE_COLOR", "always"), ("CLICOLOR_FORCE", "always")),
    ),
    Setting(
        "progress", "text", "auto", "how progress is shown; auto: a bar on a terminal, else lines",
        ("auto", "bar", "plain", "json", "off"),
    ),
    Setting("pager", "text", "less -FRX", "program for long output on a terminal", usual=(("PAGER", None),)),
    Setting("editor", "text", "vi", "program that edits texts", usual=(("VISUAL", None), ("EDITOR", None))),
    Setting("store.planes", "truth", True, "keep arrays of numbers as byte planes where that is smaller"),
    Setting("core.auto-push", "truth", False, "push whatever is logged, where there is a remote"),
    Setting("no-input", "truth", False, "never ask a question"),
    Setting("patience", "number", 60, "seconds without progress after which a remote counts as unreachable"),
    Setting("jobs", "number", 0, "threads or processes that work at once; 0: one for each processor, at most 8"),
)  # fmt: skip

TYPES = Setting("types.TYPE", "words", [], "further words in names that have this type")
"""Stands for `types.dataset`, `types.model` and so on."""

SETTINGS: Mapping[str, Setting] = {setting.name: setting for setting in _TABLE}


class Found(NamedTuple):
    """A value and the layer it comes from, in words."""

    name: str
    value: Value
    origin: str


def setting(name: str) -> Setting:
    """The setting of this name. Raises NotFoundError("unknown-setting")."""
    if name in SETTINGS:
        return SETTINGS[name]
    family, _, word = name.partition(".")
    if family == "types" and word and "." not in word:
        return Setting(name, TYPES.kind, TYPES.default, TYPES.help)
    from difflib import get_close_matches

    close = get_close_matches(name, SETTINGS, n=1, cutoff=0.5)
    raise NotFoundError(
        "unknown-setting",
        f"no setting '{name}'",
        facts=["settings: " + ", ".join([*SETTINGS, TYPES.name])],
        hint=f"art config get {close[0]}" if close else "art config list",
    )


def parsed(setting: Setting, raw: object, origin: str) -> Value:
    """`raw`, of a variable, flag or TOML file, in the setting's kind. Raises UsageError("bad-setting")."""
    value: Value | None = _PARSERS[setting.kind](raw)
    if value is None or (setting.choices and value not in setting.choices):
        wanted = ", ".join(setting.choices) or _WANTED[setting.kind]
        raise UsageError(
            "bad-setting", f"{setting.name} from {origin} cannot be '{raw}'", facts=[f"possible: {wanted}"],
            hint="art help options" if origin.startswith("flag") else "art help environment",
        )  # fmt: skip
    return value


def _text(raw: object) -> str | None:
    return raw if isinstance(raw, str) else None


def _number(raw: object) -> int | None:
    if isinstance(raw, str) and raw.strip().isascii() and raw.strip().isdigit():
        return int(raw)
    return raw if isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0 else None


def _truth(raw: object) -> bool | None:
    if isinstance(raw, str):
        return True if raw.lower() in TRUE else False if raw.lower() in FALSE else None
    return raw if isinstance(raw, bool) else None


def _words(raw: object) -> list[str] | None:
    if isinstance(raw, str):
        return [word for word in raw.replace(",", " ").split() if word]
    return list(raw) if isinstance(raw, list) and all(isinstance(word, str) for word in raw) else None


_PARSERS: Mapping[Kind, Any] = {"text": _text, "number": _number, "truth": _truth, "words": _words}
_WANTED: Mapping[Kind, str] = {
    "text": "a text", "number": "a whole number from 0", "truth": "true, false", "words": "words",
}  # fmt: skip


class Settings:
    """The settings as they hold for one command.

    `flags` are values of the command line by setting name; `repository` is the `.art` folder; `beside` is the
    folder of the committed file, by default the parent of `repository`.
    """

    def __init__(
        self,
        *,
        flags: Mapping[str, Value] | None = None,
        environment: Mapping[str, str] | None = None,
        repository: Path | None = None,
        beside: Path | None = None,
    ) -> None:
        self._flags = dict(flags or {})
        self._environment = os.environ if environment is None else environment
        self.repository = repository
        self.beside = beside or (repository.parent if repository else None)
        self._files: list[tuple[str, Mapping[str, Any]]] | None = None

    def find(self, name: str) -> Found:
        """The value of a setting and its origin. Raises NotFoundError("unknown-setting"), UsageError("bad-setting")."""
        known = setting(name)
        for origin, raw in self._layers(known):
            return Found(name, parsed(known, raw, origin), origin)
        return Found(name, known.default, "default")

    def text(self, name: str) -> str:
        return str(self.find(name).value)

    def number(self, name: str) -> int:
        return int(self.find(name).value)  # type: ignore[arg-type]  # `parsed` saw to the kind

    def truth(self, name: str) -> bool:
        return bool(self.find(name).value)

    def words(self, name: str) -> list[str]:
        value = self.find(name).value
        return list(value) if isinstance(value, list) else []

    def types(self) -> dict[str, list[str]]:
        """Words that the user added, by artifact type (`types.TYPE`)."""
        names = {word for _, document in self._documents() for word in _table(document, "types")}
        return {word: self.words(f"types.{word}") for word in sorted(names)}

    def everything(self) -> Iterator[Found]:
        """Every setting with the value that holds."""
        yield from (self.find(name) for name in SETTINGS)
        yield from (self.find(f"types.{word}") for word in self.types())

    def _layers(self, known: Setting) -> Iterator[tuple[str, object]]:
        if known.name in self._flags:
            yield f"flag --{known.name}", self._flags[known.name]
        if raw := self._environment.get(known.variable):
            yield known.variable, raw
        for variable, meaning in known.usual:
            if meaning is not None and self._environment.get(variable, "0") not in ("", "0"):
                yield variable, meaning
        for origin, document in self._documents():
            value = _looked_up(document, known.name)
            if value is not None:
                yield origin, value
        for variable, meaning in known.usual:
            if meaning is None and (raw := self._environment.get(variable)):
                yield variable, raw

    def _documents(self) -> list[tuple[str, Mapping[str, Any]]]:
        if self._files is None:
            self._files = [(str(path), document) for path, document in self._read() if document]
        return self._files

    def _read(self) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        if self.repository:
            local = local_file(self.repository)
            yield local, read_toml(local)
        if self.beside:
            committed = self.beside / "art.toml"
            yield committed, read_toml(committed)
            pyproject = self.beside / "pyproject.toml"
            yield pyproject, _table(_table(read_toml(pyproject), "tool"), "art")
        user = user_file(self._environment)
        yield user, read_toml(user)


def local_file(repository: Path) -> Path:
    """Where a repository keeps this machine's own settings."""
    return repository / "local" / "config.toml"


def user_file(environment: Mapping[str, str] | None = None) -> Path:
    """The user's own file: ART_CONFIG, or `config.toml` in the folder that the platform wants."""
    chosen = (os.environ if environment is None else environment).get("ART_CONFIG")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_config_dir("art", appauthor=False)) / "config.toml"


def cache_folder(environment: Mapping[str, str] | None = None) -> Path:
    """For what is kept of the user's that belongs to no repository: ART_CACHE_DIR, or the folder of the platform."""
    chosen = (os.environ if environment is None else environment).get("ART_CACHE_DIR")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("art", appauthor=False))


def find_repository(start: Path, environment: Mapping[str, str] | None = None) -> Path | None:
    """The `.art` folder of a command started in `start`: ART_DIR, or the nearest one upwards, or None."""
    chosen = (os.environ if environment is None else environment).get("ART_DIR")
    if chosen:
        return Path(chosen).absolute()
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / ".art" / "config").is_file():
            return folder / ".art"
    return None


def read_toml(path: Path) -> Mapping[str, Any]:
    """A file of settings; empty if there is none. Raises `UsageError` (`bad-config`)."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    if not data.strip():
        return {}
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        document: Mapping[str, Any] = tomllib.loads(data.decode("utf-8"))
        return document
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise not_toml(path, error) from None


def not_toml(path: Path, error: Exception) -> UsageError:
    """What to raise for a file of settings that cannot be read."""
    return UsageError("bad-config", f"a settings file is not TOML: {path}", facts=[str(error)], hint="art help config")


def _looked_up(document: Mapping[str, Any], name: str) -> object:
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return None if isinstance(value, Mapping) else value


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}
