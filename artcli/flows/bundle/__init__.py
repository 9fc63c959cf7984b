"""A bundle: a place in one file, for a stick, a mail, or anything else that carries a file.

It has what some versions need: their facts, the runs that logged them, their pages and chunks, and the log of the place
that gives the version numbers, so that dataset:v7 is that wherever it comes. What the other side has already, by its
own word (`since`) or by what is known of a remote, is left out; the bundle says upon which versions it builds.

    bundle      JSON: format, place (its own id), numbers (the place that gives the numbers), since, versions
    config      as of every place
    packs/…, index/…, log/…                  as of every place: the log has the facts of its versions and runs
    mirrors/<place id>/log/…, segments/…     the log of the place that gives the numbers

Every byte is compared before anything of it is taken in: a bundle that was cut off or damaged changes nothing.
"""

from artcli.flows.bundle.header import Header, Named
from artcli.flows.bundle.making import Made, create
from artcli.flows.bundle.taking import Checked, opened, take, verify

__all__ = ["Checked", "Header", "Made", "Named", "create", "opened", "take", "verify"]
