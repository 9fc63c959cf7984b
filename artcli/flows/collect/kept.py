"""Pages and texts of other places that are kept here (see `catalog.kept`): gc drops those that nothing needs any more.

What a version or a run needs that the place has, or has in its trash, stays: the place may be out of reach. All of it
can be fetched again, so where something is damaged nothing is done but to say so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from artcli.buckets.bucket import Bucket
from artcli.buckets.memory import MemoryBucket
from artcli.catalog.manifest.reach import walk_batches
from artcli.catalog.mirror import is_mirrored
from artcli.catalog.place import Place
from artcli.catalog.remotes import Remotes
from artcli.catalog.repository import Repository
from artcli.content import Buffer, Digest
from artcli.errors import IntegrityError, SpaceError
from artcli.flows.collect.marks import KEPT, UNREACHED, Marks
from artcli.flows.collect.plan import make_plan
from artcli.flows.collect.rewrite import write_anew
from artcli.flows.collect.sweep import dust, look
from artcli.flows.transfer.cargo import everything
from artcli.progress import Progress
from artcli.store.index import index_key
from artcli.store.pack import pack_key
from artcli.store.store import Store
from artcli.threads import worker_count


def collect_kept(repository: Repository, progress: Progress, *, dry_run: bool) -> int:
    """Drop what is kept of the known places and not needed; returns how many bytes that frees, or would.

    The caller keeps every writer away.
    """
    remotes = Remotes(repository.path)
    places = dict.fromkeys([*filter(None, [remotes.authority]), *(remote.place for remote in remotes.all)])
    return sum(
        _collect(repository, place, progress, dry_run) for place in places if is_mirrored(repository.path, place)
    )


def _collect(repository: Repository, id: str, progress: Progress, dry_run: bool) -> int:
    place = Place(repository.path, id, MemoryBucket())  # as it was seen last: it is asked nothing
    try:
        bucket, store = place.mirror.bucket, place.kept.store()
        before = look(bucket)
        left = dust(before, {pack for index in store.indexes for pack in index.packs}, before.indexes.keys())
        marks = _marked(place, store)
        plan = make_plan(marks, before.packs, math.inf)
        if dry_run:
            return left.size + plan.gain
        _delete(bucket, [], left.packs)
        if not plan.empty:
            moved = write_anew(bucket, marks, plan, progress)
            gone = [index.name for index in plan.indexes if index.name not in moved.indexes]
            _delete(bucket, gone, plan.doomed - moved.stay)
        return before.size - look(bucket).size
    except SpaceError:
        return 0  # what was written in vain goes the next time
    except IntegrityError as error:
        progress.warn(f"what is kept of place {id} stays as it is: {error.message}")
        return 0
    finally:
        place.close()


def _marked(place: Place, store: Store) -> Marks:
    """What is kept, marked where something needs it."""
    marks = Marks(store.indexes)
    needed = everything(place.catalog)
    for text in needed.texts:
        marks.put(text, KEPT)

    def read(pages: Sequence[Digest]) -> Mapping[Digest, Buffer]:
        return dict(store.read(pages, workers=worker_count()))

    def fresh(pages: Sequence[Digest]) -> set[Digest]:
        """Those that are kept and were not met; what lies below others is not kept."""
        return {page for page in pages if marks.put(page, KEPT) == UNREACHED}

    for _ in walk_batches(read, dict.fromkeys(needed.roots), fresh):
        pass
    return marks


def _delete(bucket: Bucket, indexes: Sequence[str], packs: Iterable[Digest]) -> None:
    """Indexes first: none may ever name a pack that is not there."""
    for name in indexes:
        bucket.delete(index_key(name))
    for pack in packs:
        bucket.delete(pack_key(pack))
