"""The autoresearch loop for anything that can be measured. See `overnight.ports` to write adapters."""

__version__ = "0.1.0"
