"""Floor 1: pure functions over the values of floor 0."""
