"""Floor 3: the study's history in git."""
