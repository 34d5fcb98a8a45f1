"""Every command line that a contract names."""

from overnight.model.contract import Contract


def keyed_commands(contract: Contract) -> tuple[tuple[str, str], ...]:
    """(dotted key, line) of run, score, drive, holdout and guard commands, in this order, without the empty ones."""
    drive, holdout = contract.drive, contract.holdout
    lines = [("run", contract.run), ("score", contract.score)]
    lines += [("drive.judge", drive.judge), ("drive.serve", drive.serve)] if drive else []
    lines += [("holdout.gate", holdout.gate), ("holdout.certify", holdout.certify)] if holdout else []
    lines += [(f"guards.{index}.run", guard.run) for index, guard in enumerate(contract.guards)]
    return tuple((key, line) for key, line in lines if line)


def commands_of(contract: Contract) -> tuple[str, ...]:
    """The lines of `keyed_commands`."""
    return tuple(line for _, line in keyed_commands(contract))
