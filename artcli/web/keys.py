"""What a client may name: the objects of a place, and nothing else that lies beside them.

`local/` has the tokens, `cache/` and `mirrors/` are the machine's own; so a key is looked up in a white list of whole
keys before anything else is done with it.
"""

from __future__ import annotations

import re
from enum import Enum

from artcli.buckets.bucket import KEY, KEY_LENGTH
from artcli.catalog.log import ENTRY_SIZE, SEGMENT
from artcli.catalog.repository import CONFIG_SIZE
from artcli.store.pack import LIMIT

MIB = 1024 * 1024


class Kind(Enum):
    """Kinds of objects; the value is the most bytes that one may have on its way in."""

    CONFIG = ("config", CONFIG_SIZE)
    PACK = ("packs", LIMIT)
    INDEX = ("index", 128 * MIB)
    ENTRY = ("log", ENTRY_SIZE)
    SEGMENT = ("segments", LIMIT)
    OTHER = ("", LIMIT)
    """What a doorway that judges nothing takes besides."""

    @property
    def limit(self) -> int:
        return self.value[1]

    @property
    def is_numbered(self) -> bool:
        """Whether the name says nothing of the bytes: then another writer may have taken it for others."""
        return self not in (Kind.PACK, Kind.INDEX)


_FORMS = (
    (Kind.CONFIG, re.compile(r"config")),
    (Kind.PACK, re.compile(r"packs/([0-9a-f]{2})/(\1[0-9a-f]{62})")),
    (Kind.INDEX, re.compile(r"index/[0-9a-f]{64}")),
    (Kind.ENTRY, re.compile(r"log/([0-9]{7})/([0-9]{10})")),
    (Kind.SEGMENT, re.compile(r"segments/[0-9]{10}")),
)


def kind_of(key: str, *, any_key: bool = False) -> Kind | None:
    """The kind of the object that `key` names, None if it names none; `any_key`: whatever a bucket may keep."""
    if len(key) > KEY_LENGTH:
        return None
    for kind, form in _FORMS:
        if form.fullmatch(key):
            if kind is not Kind.ENTRY or number_of(key) // SEGMENT == int(key.split("/")[1]):
                return kind
            break  # an entry in another's folder
    return Kind.OTHER if any_key and KEY.fullmatch(key) and key.split("/")[0].lower() != "tmp" else None


def number_of(key: str) -> int:
    """The number of a log entry or a segment."""
    return int(key.rpartition("/")[2])


def name_of(key: str) -> str:
    """The last part of a key: of packs and indexes the digest of their bytes."""
    return key.rpartition("/")[2]
