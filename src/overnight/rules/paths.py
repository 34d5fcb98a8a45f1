"""Names that no candidate may have, whatever the contract says.

Git, and file systems that fold case or Unicode forms, read some names as other names. A name that could be taken
for another is refused outright. Follows git's own `verify_path` (https://git-scm.com/docs/git-config, see
core.protectHFS and core.protectNTFS) on every platform, and is stricter.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from overnight.rules.words import spelled

LONGEST_NAME = 255
"""Bytes in one component of a path."""

LONGEST_PATH = 2048
"""Bytes in a whole path."""

# Characters that HFS+ ignores when it compares names, and other marks that nobody can see.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb]")  # fmt: skip # noqa: E501 -- one character class
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SHORT_GIT = re.compile(r"git~\d+")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def odd(path: str) -> str:
    """Why `path` is refused as the name of a file, in a few words; "" for a good name.

    `path` uses forward slashes, relative to the repository's root; bytes that are not UTF-8 are surrogates, as
    `os.fsdecode` gives them.
    """
    if not path:
        return "an empty name"
    if path.startswith("/"):
        return "an absolute path"
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "not UTF-8"
    if size > LONGEST_PATH:
        return f"longer than {LONGEST_PATH} bytes"
    for component in path.split("/"):
        reason = _odd_component(component)
        if reason:
            return reason
    return ""


def _odd_component(name: str) -> str:
    checks = (
        (not name, "an empty folder name"),
        (name in (".", ".."), f"a component {name}"),
        (len(name.encode()) > LONGEST_NAME, f"a component longer than {LONGEST_NAME} bytes"),
        (_CONTROL.search(name) is not None, "a control character or line break"),
        ("\\" in name, "a backslash"),
        (_INVISIBLE.search(name) is not None, "an invisible character"),
        (is_git(name), "a name that git reads as .git"),
        (name.endswith((".", " ")), "a dot or space at the end"),
        (":" in name, "a colon"),
        (_RESERVED.fullmatch(name.casefold()) is not None, "a device name of Windows"),
    )
    return next((reason for hit, reason in checks if hit), "")


@lru_cache(maxsize=8192)
def is_git(name: str) -> bool:
    """Whether some file system or git itself takes this component for `.git`."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", name)).casefold()
    plain = plain.split(":", 1)[0].split("\\", 1)[0].rstrip(". ")
    return plain == ".git" or _SHORT_GIT.fullmatch(plain) is not None


def folded(path: str) -> str:
    """What a file system that ignores case and Unicode form compares."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def collisions(new: Iterable[str], present: Iterable[str]) -> dict[str, str]:
    """For each path of `new` that differs from another path only by case or Unicode form: that other path.

    Folders count: `A/x` collides with `a/y`. `present` are the paths of the tree, with or without the new ones.
    Among `new` themselves the later one in sorted order is reported.
    """
    added = sorted(set(new))
    seen: dict[str, str] = {}
    for path in sorted(set(present).difference(added)):
        for prefix in _prefixes(path):
            seen.setdefault(folded(prefix), prefix)
    found = {}
    for path in added:
        for prefix in _prefixes(path):
            other = seen.setdefault(folded(prefix), prefix)
            if other != prefix and path not in found:
                found[path] = other
    return found


def _prefixes(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def printable(path: str) -> str:
    """A spelling of a hostile name that is valid UTF-8, one line and at most 300 characters."""
    plain = spelled(path.encode("utf-8", "backslashreplace").decode())
    return plain if len(plain) <= 300 else plain[:140] + " ... " + plain[-140:]
