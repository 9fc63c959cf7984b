"""Runs: what was executed, with what it used, what it logged and what it said.

    records     one thing that a run said, as a line: a row of history, a change of config, a piece of console
    spool       the records of a live run on this machine, appended by any number of processes
    fold        facts about runs become tables: runs, segments, inputs, outputs
    register    questions to those tables
    journal     all records of a run in order, sealed ones and those of the spool
    said        what records add up to: config, summary, metrics
    live        what is new in the spools since somebody looked
    cache       a database that follows all of them, in `.art/cache/`
    view        a run as its readers want it; its history
    series      the points of a metric, as many as a chart shows
    filters     conditions on runs, and expressions of them

A run exists from its first fact on. What it says goes to its spool; from time to time the spool is sealed: its records
become chunks of the store, a fact names them, and from then on they are part of the log like everything else. Merging
the runs of two machines is therefore what merging their logs is: a union.
"""
