"""Floor 3: trees in and out of the person's repository."""

from overnight.workspace.objects import Entry, durable
from overnight.workspace.repository import Repository
from overnight.workspace.trees import Trees

__all__ = ["Entry", "Repository", "Trees", "durable"]
