"""fsck: finds damage, and says which versions and files it touches.

    config; log with its segments and the high-water mark; indexes and packs; versions from their roots down; the cache

It works on a folder, not on an open repository, since opening one that is damaged may fail. Nothing is written, and
writers may go on beside it; only gc is kept away. What killed commands have left is counted, and is no damage.
"""

from __future__ import annotations

from artcli.flows.fsck.donors import Away
from artcli.flows.fsck.examination import Examination, Options, Summary, locate
from artcli.flows.fsck.findings import Finding, Mended
from artcli.flows.fsck.repair import repair
from artcli.flows.fsck.store_check import Level

__all__ = ["Away", "Examination", "Finding", "Level", "Mended", "Options", "Summary", "locate", "repair"]
