"""Floor 5: the ledger as documents."""
