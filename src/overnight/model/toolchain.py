"""What of the machine a boxed command needs to see, resolved once by the sandbox room."""

from overnight.model.box import Mount
from overnight.model.value import Value, Words


class Toolchain(Value, frozen=True, kw_only=True):
    """Read-only `mounts` (system folders, interpreters, environments) and `env` (PATH, HOME, LANG ...) of a box.

    `home` is the path of the person's home folder, an empty tmpfs inside. `masks` are folders in installed
    environments that no box may show: whoever mounts the environment puts an empty tmpfs on them. `warnings` are
    sentences for the person.
    """

    mounts: tuple[Mount, ...] = ()
    env: Words = ()
    home: str = ""
    masks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
