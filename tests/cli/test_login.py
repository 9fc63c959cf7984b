"""`art login`: says that it is not needed."""

from __future__ import annotations

import pytest

from tests.kit.command_line import Art


@pytest.mark.parametrize("words", [[], ["0123456789abcdef"]])
def test_no_login_is_needed(art: Art, words: list[str]) -> None:
    result = art("login", *words)
    assert (result.code, result.out) == (0, "")
    assert result.err.startswith("no login is needed: ")
    assert "0123" not in result.err
    assert art("login", *words, "-q").err == ""
