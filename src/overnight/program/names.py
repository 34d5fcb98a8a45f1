"""Names of studies: what git refs, file systems and people can all spell."""

import re
import unicodedata

from overnight.errors import UsageError

LONGEST = 40
_GOOD = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def slug(text: str) -> str:
    """A name of at most 40 characters a-z, 0-9 and single hyphens made from any text; "study" if nothing remains."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:LONGEST].strip("-") or "study"


def check_name(name: str) -> None:
    """Accept what `slug` can give.

    Raises:
        UsageError: the name has other characters or is too long; says which are allowed and suggests one.
    """
    if len(name) <= LONGEST and _GOOD.fullmatch(name):
        return
    raise UsageError(
        f"{name!r} cannot be a study's name: use 1 to {LONGEST} of the characters a-z, 0-9 and -, with - only between "
        f"others, for example {slug(name)!r}."
    )
