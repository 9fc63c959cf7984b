"""What `pull` and `clone` do where the other place is a file: a bundle that somebody has carried here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from artcli.catalog.remotes import Remote, Remotes
from artcli.catalog.repository import Repository
from artcli.cli import sizes, transferred
from artcli.cli.cloning import begun
from artcli.cli.console import Console
from artcli.errors import UsageError
from artcli.flows.meant import given
from artcli.flows.transfer import Request, Standing, Transferred


def is_bundle(repository: Repository | None, word: str) -> bool:
    """Whether a word that names a place is a file, and no remote."""
    if repository is not None and word in {remote.name for remote in Remotes(repository.path).all}:
        return False
    return "://" not in word and Path(given(word)).is_file()


def pull(console: Console, words: Sequence[str], dry_run: bool, most: str | None) -> None:
    """`art pull FILE`."""
    if len(words) > 1:
        raise UsageError("bad-usage", "a bundle is taken in as a whole", hint=f"art pull {words[0]}")
    repository = console.repository()
    standing = Standing(repository)
    request = Request(None, dry_run, None if most is None else sizes.parse(most))
    done = _take(console, repository.path, Path(given(words[0])), request)
    with closing(Repository(repository.path)) as now:
        done = done._replace(rebased=standing.since(now))
    transferred.tell(console, _named(words[0]), done, "pulled from")


def clone(console: Console, file: str, directory: str | None) -> None:
    """`art clone FILE [DIR]`."""
    from artcli.flows import bundle  # which a clone from elsewhere need not load

    path = Path(given(file)).absolute()
    target = Path(given(directory) if directory is not None else path.stem).absolute()

    def look() -> None:
        with bundle.opened(path):
            pass  # it is a bundle

    with begun(target, str(path), look) as repository:
        done = _take(console, repository, path, Request(), adopt=True)
    transferred.tell(console, _named(file), done, "cloned from")


def _take(console: Console, repository: Path, file: Path, request: Request, *, adopt: bool = False) -> Transferred:
    from artcli.flows import bundle

    with console.progress() as progress:
        return bundle.take(repository, file, request, progress, adopt=adopt)


def _named(file: str) -> Remote:
    """The file in the place of a remote, for what is told."""
    path = Path(given(file)).absolute()
    return Remote(path.name, str(path), "")
