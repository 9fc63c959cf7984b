"""The file of tokens for servers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from artcli.buckets import credentials


def test_many_who_log_in_and_out_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ART_CONFIG", str(tmp_path / "new" / "config.toml"))
    stay, go = ([f"http://{name}{number}" for number in range(30)] for name in ("stay", "go"))
    for url in go:
        credentials.keep(url, "a-token")
    with ThreadPoolExecutor(6) as pool:
        changes = [pool.submit(credentials.keep, url, "a-token") for url in stay]
        changes += [pool.submit(credentials.forget, url) for url in go]
        for change in changes:
            change.result()
    assert credentials.known_urls() == sorted(stay)
