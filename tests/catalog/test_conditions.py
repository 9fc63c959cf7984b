from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from artcli.catalog import conditions
from artcli.catalog.catalog import Version
from artcli.errors import UsageError
from tests.catalog.kit import add_version, init

METADATA: dict[str, Any] = {
    "stage": "production", "lr": 0.1, "epochs": 10, "text": "10", "jit": True, "none": None, "places": ["table",
    "dusk"],
    "train": {"lr": 1, "when": "2026-11-01"}, "a.b": "dotted", "empty": "", "=": "sign", "mark": "<unk>",
}  # fmt: skip


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    path: Path = tmp_path_factory.mktemp("conditions")
    return add_version(init(path), "007", size=41_000, metadata=METADATA)


@pytest.mark.parametrize(
    "text",
    [
        "metadata.stage=production", "metadata.stage==production", "metadata.stage!=dev", "metadata.mark=<unk>",
        " metadata.stage = production ", "metadata.stage>a",
        "metadata.lr=0.1", "metadata.lr=1e-1", "metadata.lr<1", "metadata.lr<=.5", "metadata.epochs>=10",
        "metadata.epochs>9",
        "metadata.text=10.0", "metadata.text>9", "metadata.jit=true", "metadata.places=dusk", "metadata.places!=night",
        "metadata.train.lr=1", "metadata.train.when>2026-10", "metadata.a.b=dotted", "metadata.empty=",
        "metadata.gone!=x",
        "metadata.none!=x", "metadata.train.gone!=1",
        "metadata.stage.deeper!=1", 'metadata.train={"lr":1,"when":"2026-11-01"}',
        "name=007", "name!=7", "type=model", "size=41000", "size=41KB", "size>40kb", "size<42K", "size<=0.1 MB",
        "size>1KiB",
        "size<1T",
    ],
)  # fmt: skip
def test_what_holds(version: Version, text: str) -> None:
    assert conditions.parse(text).holds(version)


@pytest.mark.parametrize(
    "text",
    [
        "metadata.stage=Production", "metadata.stage!=production", "metadata.lr>1", "metadata.epochs<9",
        "metadata.jit=1",
        "metadata.jit=True", "metadata.places=night", "metadata.places!=dusk", "metadata.gone=", "metadata.gone<9",
        "metadata.gone>0", "metadata.none=null", "metadata.stage=", "name=7", "type=dataset", "size<41KB", "size=40KiB",
    ],
)  # fmt: skip
def test_what_does_not(version: Version, text: str) -> None:
    assert not conditions.parse(text).holds(version)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "metadata.stage",
        "stage=production",
        "=x",
        "digest=a",
        "size=big",
        "size=-1",
        "metadata=1",
        "names=a",
        "!=1",
        "metadata.a<<1",
        "metadata.a>>1",
        "metadata.a=>1",
        "metadata.a=> .5",
        "metadata.a<==1",
    ],
)
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        conditions.parse(text)
    assert (caught.value.slug, bool(caught.value.facts), bool(caught.value.hint)) == ("bad-condition", True, True)
