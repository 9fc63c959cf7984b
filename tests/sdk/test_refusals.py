"""What the Python API refuses, each with the slug that `art help` explains."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import artcli
from artcli.errors import ArtError


def _change() -> None:
    artcli.init(config={"lr": 0.1}).config.update({"lr": 0.2})


REFUSED: dict[str, Callable[[], object]] = {
    "bad-config-keys": lambda: artcli.init(config_include_keys=["a"], config_exclude_keys=["b"]),
    "bad-metric": lambda: artcli.init().define_metric("loss", summary="middle"),
    "bad-mode": lambda: artcli.init(mode="sideways"),
    "bad-reinit": lambda: [artcli.init(), artcli.init(reinit="perhaps")],
    "bad-resume": lambda: artcli.init(resume="perhaps"),
    "bad-watch": lambda: artcli.init().watch([], log="everything"),
    "config-changed": _change,
    "no-rewind": lambda: artcli.init(resume_from="somewhere?_step=3"),
}


@pytest.mark.parametrize("slug", REFUSED)
def test_refused(slug: str) -> None:
    with pytest.raises(ArtError) as caught:
        REFUSED[slug]()
    assert caught.value.slug == slug
