"""Floor 1: program.md in, Contract out."""

from overnight.program.describe import describe, render
from overnight.program.document import Document, schema
from overnight.program.facts import Facts
from overnight.program.lint import OPEN_HOLES, lint
from overnight.program.names import check_name, slug
from overnight.program.parse import parse, places

__all__ = [
    "OPEN_HOLES",
    "Document",
    "Facts",
    "check_name",
    "describe",
    "lint",
    "parse",
    "places",
    "render",
    "schema",
    "slug",
]
