"""Floor 3: boxes, each of which says what it covers and what not."""
