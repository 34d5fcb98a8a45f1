"""Floor 1: search policies, one file each; `overnight.wiring` knows them by name."""
