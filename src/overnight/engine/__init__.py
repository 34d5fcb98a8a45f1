"""Floor 4: the only place that puts effects in sequence."""
