"""Every random draw derives from the study's seed and the experiment's number."""

import hashlib


def derive(seed: int, *path: int | str) -> int:
    """A seed in [0, 2**31) for the draw named by `path`; the same words give the same seed on every machine."""
    text = "/".join(str(part) for part in (seed, *path))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
