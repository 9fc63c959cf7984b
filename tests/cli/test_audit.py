from __future__ import annotations

import pytest

from artcli.catalog.log import entry_key
from tests.cli.shelf import TIME, fill
from tests.kit.command_line import Art


def test_audit(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(art, monkeypatch)
    art("edit", "model:v0", "--set", "lr=1", "-m", "tried")
    art("edit", "data", "--note", "two\nlines")
    art("alias", "model:v1", "best")
    assert art("audit").out == (
        f"{TIME}\ttester\tmodel:v1\talias best\t\tv1\t\n"
        f"{TIME}\ttester\tdata\tnote\t\ttwo\\nlines\t\n"
        f"{TIME}\ttester\tmodel:v0\tmetadata.lr\t0.0\t1\ttried\n"
    )
    assert [item["new"] for item in art("audit", "model:v0", "--json").json["items"]] == [1]
    assert art("audit", "--actor", "TEST", "--since", "2026-10-01", "model").lines == art("audit", "model").lines
    assert art("audit", "--actor", "anna").out == art("audit", "--since", "2026-12-01").out == ""


def test_audit_verify(art: Art, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fill(art, monkeypatch)
    result = art("audit", "--verify")
    assert (result.code, result.out, result.err) == (
        0, f"{made.follower.head.digest}\n", "the log is whole: 4 entries, 5 facts\n",
    )  # fmt: skip
    assert art("audit", "--verify", "model", "--json").error["code"] == "bad-usage"
    path = made.path / entry_key(1)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"tester", b"Tester"))
    result = art("audit", "--verify")
    assert (result.code, result.out) == (7, "")
    assert result.err == "error: log entry 1 is damaged: its checksum does not match\nhint: art fsck\n"
