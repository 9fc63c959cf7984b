"""Readable names for runs that were given none: `sunny-smoke-1`, as W&B makes them."""

from __future__ import annotations

import secrets

_ADJECTIVES = """
amber autumn azure bold brave breezy bright brisk calm clear cool copper coral cosmic crimson crisp curious daily dawn
deep dry dusty eager earthy easy electric elegant ember fair fancy fearless fiery fluent fresh frosty gentle giddy glad
gold good graceful grand green happy hardy hearty honest humble icy iconic jolly jumping kind lemon light likely lively
lucky lunar magic major mellow mild misty neat noble northern olive peach pious playful polar polished proud pure quiet
rapid rare restful robust rosy royal rural scarlet serene sharp silver smart smooth snowy soft solar southern sparkling
spring stellar still summer sunny super swept swift tidy true twilight upbeat valiant vibrant violet vivid warm western
whole wild winter wise worthy young zesty
"""

_NOUNS = """
aardvark armadillo bee bird blaze breeze brook bush butterfly capybara cherry cloud comet cosmos darkness dawn deluge
dew dragon dream durian eagle elevator energy etchings feather field fire firefly flower fog forest frog frost galaxy
glade glitter gorge grass grove haze hill lake leaf lion meadow microwave monkey moon morning mountain music night oath
ocean paper pine planet plant plasma pond pyramid rain resonance river salad sea serenity shadow shape silence smoke
snow snowflake sound sponge star sun sunset surf terrain thunder totem tree universe valley vortex voice violet water
waterfall wave wildflower wind wood yogurt
"""


def readable(runs: int) -> str:
    """A name for the next run of a project that has so many."""
    return f"{secrets.choice(_ADJECTIVES.split())}-{secrets.choice(_NOUNS.split())}-{runs + 1}"
