"""Floor 1: program.md in, Contract out."""
