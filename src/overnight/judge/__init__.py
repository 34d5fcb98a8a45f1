"""Floor 3: measures a candidate where it cannot touch the number."""
