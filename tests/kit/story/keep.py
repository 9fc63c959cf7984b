"""Cuts the pictures that are kept as files: `python -m tests.kit.story.keep`.

These are the car's, which the package ships, and those of the safety story at size S. They were cut once;
another build of Pillow makes other bytes of them, and so changes every golden that holds them.
"""

from __future__ import annotations

from pathlib import Path

from artcli.flows.demo import shots
from tests.kit.story.photographs import DATA, cut_anew, jpeg
from tests.kit.story.workplace import KEPT, cut


def main() -> None:
    frames = Path(shots.__file__).parent / "frames"
    for place in (shots.TABLE, shots.DUSK):
        cuts = [cut_anew(place, number) for number in range(place.shipped)]
        for number, shot in enumerate(cuts):
            (frames / f"{place.name}-{number:02d}.jpg").write_bytes(shot.jpeg)
        (frames / f"{place.name}.grey").write_bytes(b"".join(shot.thumbnail for shot in cuts))
    for number in range(KEPT):
        (DATA / "safety" / f"{number:02d}.jpg").write_bytes(jpeg(cut(number)))


if __name__ == "__main__":
    main()
