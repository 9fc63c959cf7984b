"""The story of a small car, told with real pictures: what `art demo` builds, what tests and benchmarks replay.

A toy car (a JetRacer, say) drives towards something and takes pictures; each picture's name says where in it that
something is. Trip by trip the data set grows, a wrong label is corrected, a model is trained. Here lie the story
(`car`), its pictures (`shots`) and nothing that knows of repositories: a `Step` changes a folder and names the `art`
commands that belong to it, and whoever plays the story runs them as he likes.

The pictures are crops of two photographs in the public domain, kept as finished JPEG files (LICENSES.md): playing
the story needs no image library and gives the same bytes everywhere.
"""

from __future__ import annotations

from artcli.flows.demo.car import car
from artcli.flows.demo.playground import TRY, playground
from artcli.flows.demo.steps import Step, Tree, digest

__all__ = ["TRY", "Step", "Tree", "car", "digest", "playground"]
