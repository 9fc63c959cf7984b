"""References: entries whose bytes lie elsewhere; described, fetched and checked, each family of addresses a module."""
