"""Floor 3: trees in and out of the person's repository."""
