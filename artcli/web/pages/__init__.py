"""What `art serve` shows in a browser: HTML made here, without scripts, and nothing from elsewhere."""
