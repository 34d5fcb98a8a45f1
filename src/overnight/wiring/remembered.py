"""What attacks on a judge achieved, kept in the study's folder for a night that has not begun yet."""

from collections.abc import Mapping

import msgspec

from overnight.model.experiment import Measurement
from overnight.model.value import Value, canonical
from overnight.wiring.site import Site

_FILE = "redteam.json"


class Remembered(Value, frozen=True, kw_only=True):
    """Readings of crafted candidates by name, for the segment with identity `digest`; `text` sums them up."""

    digest: str
    text: str = ""
    readings: tuple[tuple[str, Measurement], ...] = ()


def remember(site: Site, digest: str, readings: Mapping[str, Measurement], text: str) -> None:
    """Write what was found, in place of what was known before."""
    kept = Remembered(digest=digest, text=text, readings=tuple(readings.items()))
    fresh = site.folder / f"{_FILE}.new"
    fresh.write_bytes(canonical(kept))
    fresh.replace(site.folder / _FILE)


def remembered(site: Site, digest: str) -> Remembered | None:
    """What is known for the identity `digest`; None when nothing is, or it cannot be read."""
    try:
        found = msgspec.json.decode((site.folder / _FILE).read_bytes(), type=Remembered)
    except (OSError, msgspec.DecodeError):
        return None
    return found if found.digest == digest else None
