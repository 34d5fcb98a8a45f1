"""Floor 3: anything that edits files."""
