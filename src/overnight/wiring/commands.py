"""Every command line that a contract names."""

from overnight.model.contract import Contract


def commands_of(contract: Contract) -> tuple[str, ...]:
    """run, score, drive, holdout and guard commands, in this order, without the empty ones."""
    drive, holdout = contract.drive, contract.holdout
    lines = [contract.run, contract.score]
    lines += [drive.judge, drive.serve] if drive else []
    lines += [holdout.gate, holdout.certify] if holdout else []
    lines += [guard.run for guard in contract.guards]
    return tuple(line for line in lines if line)
