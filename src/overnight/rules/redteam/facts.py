"""What an attack must know of the place that it attacks."""

from overnight.model.value import Value


class Facts(Value, frozen=True, kw_only=True):
    """What an attack needs to know. `nonce` marks its reports on stderr, `line` is the forged output.

    `hidden` are (key, absolute path) to read, `port` a listener on 127.0.0.1 outside the box (0 = none), `socket` the
    name of an abstract one. `seconds` is how long something lingers, `hole` a size in bytes beyond budget.disk,
    `others` the place that a link points to.
    """

    nonce: str
    line: str = ""
    hidden: tuple[tuple[str, str], ...] = ()
    port: int = 0
    socket: str = ""
    seconds: int = 20
    hole: int = 0
    others: str = "/etc/hosts"


def instance(glob: str) -> str:
    """A path that the artefact pattern `glob` matches."""
    whole = f"{glob}x" if glob.endswith("/") else glob
    *folders, last = whole.strip("/").split("/")
    parts = [*(part for part in folders if part != "**"), last]
    return "/".join(part.replace("**", "x").replace("*", "x").replace("?", "x") for part in parts)
