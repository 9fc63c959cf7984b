"""The repair: from the log up, since everything hangs on it. Nothing is deleted: what is replaced moves to lost+found.

config    from the place's id in the log
log       from segments, donors, the cache; what nobody has is said
caches    go, and are made anew
store     packs and indexes; then what versions lack, from donors
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from artcli import lock
from artcli.buckets.disk import DiskBucket
from artcli.catalog.repository import LOCK_WAIT, Repository
from artcli.flows.fsck.bits import BitSearch
from artcli.flows.fsck.donors import Away, Donor, FarDonor
from artcli.flows.fsck.examination import Examination, Options
from artcli.flows.fsck.findings import Mended
from artcli.flows.fsck.log_repair import LogRepair, repair_config
from artcli.flows.fsck.store_check import Level
from artcli.flows.fsck.store_repair import StoreRepair
from artcli.progress import Progress, Silent


def repair(
    path: Path, level: Level = Level.DEFAULT, donors: Sequence[Path | Away] = (), progress: Progress | None = None
) -> Iterator[Mended]:
    """Repair the repository in the `.art` folder `path`; what is done is told when it is done.

    `donors`: directories of other repositories, or of copies of this one, and places far away that have what is lost
    here. An examination afterwards tells what is lost for good. Raises `LockedError`, `NoRepositoryError` for a donor,
    `SpaceError`.
    """
    givers = [FarDonor(path, donor) if isinstance(donor, Away) else Donor(donor) for donor in donors]
    progress = progress or Silent()
    bits = BitSearch()
    with lock.held(path / "local" / "gc.lock", alone=True, wait=LOCK_WAIT):
        examination = Examination(path, Options(), progress)
        examination.examine_log()
        place = examination.log.place or os.urandom(16).hex()
        bucket = DiskBucket(path)
        if examination.config:
            yield repair_config(bucket, place)
        log = LogRepair(path, bucket, examination.log, givers, bits)
        yield from log.run()
        shutil.rmtree(path / "cache", ignore_errors=True)
        repository = Repository(path)
        try:
            store = StoreRepair(repository, level, givers, bits, progress)
            yield from store.run(adopt=log.lost_in_between)
            if log.lost_at_end:
                yield from store.set_dust_aside()
        finally:
            repository.close()
