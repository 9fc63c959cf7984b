"""What `scripts/bench` is made of. Standard library only, except where a module says so.

measure   runs one command and tells wall, cpu, memory and what the rest of the machine did meanwhile
data      the seeded files every tool is given (needs numpy)
tools     art and its rivals: how each is installed, adds, restores and switches
plan      what there is to measure, and what a run is asked to do
remotes   the scenes of places that are shared; relay counts what goes over a line
works     carries a plan out
compare   a restored tree against its source
limits    what must be reached, and the verdict
report    rows as JSON lines in, Markdown out

The idea: only ratios within one run count. The tools take turns within a work (A B C A B C), so a slow minute
of the machine falls on all of them, and a row tells how much of the machine others used while it was made.
"""
