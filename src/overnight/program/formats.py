"""Kinds of files that run code of their author when they are loaded."""

RUNS_CODE = (".pkl", ".pickle", ".p", ".dill", ".joblib", ".pt", ".pth.tar", ".pth", ".ckpt", ".keras", ".mar")
"""Suffixes of pickles and of formats that hold pickled objects or functions."""


def runs_code(name: str) -> str:
    """The suffix by which a file of this name, or every file of this glob, is of such a kind; "" when it is not."""
    return next((suffix for suffix in RUNS_CODE if name.lower().endswith(suffix)), "")
