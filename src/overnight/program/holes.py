"""The weaknesses of a judge that lives in the candidate's process, as in karpathy/autoresearch."""

import re
from collections.abc import Iterator, Mapping

OPEN_HOLES = {
    "hole-clock": "the clock that ends training is read in the edited file: a candidate can train for longer.",
    "hole-print": "the edited file prints the score itself: a candidate can print any number.",
    "hole-seed": "the random seed is set in the edited file: a candidate can search for a lucky one.",
    "hole-call": "the edited file calls evaluate_bpb itself: a candidate can call something else, or change it first.",
    "hole-targets": "the evaluation passes the targets into the candidate's model: a candidate can read the answers.",
    "hole-shard": "the validation shard lies among the training data: a candidate can train on it.",
    "hole-batch": "the batch size, set in the edited file, truncates what is scored: a candidate can skip text.",
}
_LOCKED = frozenset({"hole-targets", "hole-shard"})
_MARKS = {
    "hole-clock": r"\btime\.(?:time|perf_counter|monotonic)\b|\b(?:perf_counter|monotonic)\(",
    "hole-print": r"\bprint\(",
    "hole-seed": r"\b(?:manual_seed|seed|default_rng|SEED)\b",
    "hole-call": r"\bevaluate_bpb\(",
    "hole-targets": r"\bmodel\(\s*\w+\s*,",
    "hole-shard": r"(?i)val\w*_shard|shard\w*_val|\bval_(?:filename|path|file)\b",
    "hole-batch": r"\b(?:DEVICE_)?BATCH_SIZE\b|\bbatch_size\b",
}


def open_holes(edited: str, locked: str) -> Iterator[tuple[str, str]]:
    """(code, sentence) of each; one whose mark is not in the text of the files says that the layout allows it.

    `edited` is the text of what may be edited, `locked` that of the other Python files.
    """
    for code, message in OPEN_HOLES.items():
        if re.search(_MARKS[code], locked if code in _LOCKED else edited):
            yield code, message
        else:
            yield code, f"usual in this layout, though no sign of it is in these files: {message}"


def split_sources(sources: Mapping[str, str], editable: frozenset[str]) -> tuple[str, str]:
    """(edited, locked): the texts that may be edited, and the others, each joined."""
    edited = "\n".join(text for path, text in sources.items() if path in editable)
    return edited, "\n".join(text for path, text in sources.items() if path not in editable)
