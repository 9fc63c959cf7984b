"""Push, pull and fetch: what one place has and another lacks goes there.

    1. look: the other log is read to its end (one request where there is no news)
    2. choose the facts that the other side lacks, and the pages and chunks without which they would not be true
    3. walk the pages, many at a time; where the other side has a page it has all below it           → the price
    4. bring the chunks, as they are stored, into packs over there, then the index of these packs
    5. commit the facts, with that index, as one entry of the log over there

Nothing over there names what was brought before step 5, so a transfer that is cut off leaves packs that nobody counts
on. The same command begins again, makes the same packs, and finds those there that had arrived.
"""

from artcli.flows.transfer.copying import Price
from artcli.flows.transfer.pull import fetch, keep_manifest, kept_pages, pull
from artcli.flows.transfer.push import copy, push
from artcli.flows.transfer.rebase import Rebased, Standing
from artcli.flows.transfer.request import ALL, Request, Transferred

__all__ = [
    "ALL",
    "Price",
    "Rebased",
    "Request",
    "Standing",
    "Transferred",
    "copy",
    "fetch",
    "keep_manifest",
    "kept_pages",
    "pull",
    "push",
]
