"""The rooms that measure: toolchain, seal, trees and judge, around one sandbox and one scratch folder."""

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from overnight.errors import IsolationError, UsageError
from overnight.judge import CommandJudge, Seal
from overnight.model.contract import Contract, Tier
from overnight.model.toolchain import Toolchain
from overnight.model.value import Pairs, Words
from overnight.ports import Sandbox
from overnight.sandbox import available, best, resolve, with_gpus
from overnight.wiring.commands import commands_of
from overnight.wiring.options import Options
from overnight.wiring.shown import hidden_folders, readable
from overnight.wiring.site import Site, cache_folder
from overnight.wiring.tracked import Tracked
from overnight.workspace import Trees


@dataclass(frozen=True)
class Rooms:
    """What measuring needs, for one contract in one repository. Nothing in it depends on the ledger."""

    site: Site
    options: Options
    contract: Contract
    sandbox: Tracked
    scratch: Path
    toolchain: Toolchain
    seal: Seal
    trees: Trees

    @cached_property
    def seals(self) -> Words:
        """Digests of data, hidden files and installed environments, by name."""
        return self.seal.words()

    def judge(self, base_tree: str) -> CommandJudge:
        """A judge whose own files are those of `base_tree`."""
        return CommandJudge(
            self.contract,
            root=self.site.repository.root,
            base_tree=base_tree,
            workspace=self.trees,
            sandbox=self.sandbox,
            toolchain=self.toolchain,
            seal=self.seal,
            scratch=self.scratch / "judge",
            environment=self.options.environment,
            interpreter=sys.executable,
            host=platform.node(),
        )

    def counter(self, base_tree: str) -> Callable[[str], Pairs]:
        """Counts `loc` of a tree and its `diff_lines` against `base_tree`."""

        def counts(tree: str) -> Pairs:
            added, deleted = (0, 0) if tree == base_tree else self.site.repository.numbers(base_tree, tree)
            return (("loc", float(self.trees.loc(tree, self.contract))), ("diff_lines", float(added + deleted)))

        return counts


def build_rooms(site: Site, options: Options, contract: Contract, sandbox: Tracked, scratch: Path) -> Rooms:
    """Resolve what the boxes must see and seal what is not in git.

    Raises:
        UsageError: `isolation.read` or a program's folder would show what a box hides, a glob of `data` or `hide` is
            empty, or there are not as many graphics processors as `budget.gpus` asks for.
    """
    for path in contract.isolation.read:
        readable("isolation.read", path, site, contract, options.environment)
    toolchain = resolve(
        commands_of(contract),
        environment=options.environment,
        cwd=site.program.parent,
        read=contract.isolation.read,
        interpreter=sys.executable,
        stubs=scratch / "stubs",
    )
    toolchain = with_gpus(toolchain, contract.budget.gpus, options.environment)
    _refuse_shown_answers(contract, site, toolchain)
    seal = Seal.of(contract, site.repository.root, Path(toolchain.home))
    return Rooms(site, options, contract, sandbox, scratch, toolchain, seal, Trees(site.repository))


def _refuse_shown_answers(contract: Contract, site: Site, toolchain: Toolchain) -> None:
    """No box may show hidden files because a program's own folder holds them."""
    shown = [mount.target for mount in toolchain.mounts if mount.kind != "tmpfs"]
    for pattern, folder in zip(contract.hide, hidden_folders(contract, site.repository.root), strict=True):
        for place in {folder, folder.resolve()}:
            outer = next((target for target in shown if place.is_relative_to(target)), "")
            if outer:
                raise UsageError(
                    f"hide: {pattern} lies in {outer}, which every box shows because programs need it: a candidate "
                    "could read it. Keep the answers in a folder of their own, for example ~/answers"
                )


def box_for(contract: Contract, options: Options) -> tuple[Sandbox, tuple[str, ...]]:
    """The sandbox that the contract needs, proven on this machine, and why it is not a better one.

    Raises:
        UsageError: --isolation names no box.
        IsolationError: the machine offers less than required and the person did not accept less by name.
    """
    proofs = cache_folder(options.environment) / "proofs"
    if options.isolation and options.isolation != "best":
        sandbox = available(options.isolation, proofs)
        reasons: tuple[str, ...] = (f"--isolation {options.isolation} was given",)
    else:
        sandbox, reasons = best(proofs)
    coverage, required = sandbox.covers(), required_tier(contract, sys.platform)
    if options.isolation is None and coverage.tier.rank < required.rank:
        raise IsolationError(
            f"the contract requires the tier {required}, this machine offers {coverage.tier}. {' '.join(reasons)} "
            f"To run with less all the same, say so by name: --isolation {coverage.tier}"
        )
    if contract.budget.strict and coverage.limits != "hard":
        raise IsolationError(
            f"budget.strict needs hard limits, the tier {coverage.tier} has {coverage.limits} ones: remove "
            f"`strict: true`, or make the tier capped work. {' '.join(reasons)}".rstrip()
        )
    if contract.drive is not None and contract.drive.over == "port" and not coverage.private_network:
        raise IsolationError(
            f"drive.over: port needs a box with a network of its own, the tier {coverage.tier} has none: run where the "
            f"tier contained is offered (`overnight doctor` says why it is not), or write `over: stdio`. "
            f"{' '.join(reasons)}".rstrip()
        )
    return sandbox, reasons


def required_tier(contract: Contract, platform: str) -> Tier:
    """What the contract requires; where it says nothing about isolation, what its kind of machine can give."""
    if platform == "darwin" and "isolation" not in contract.written:
        return Tier.fs_net
    return contract.isolation.require


def require_same(then: Words, now: Words) -> None:
    """Refuse to measure again when data, hidden files or environments are not those of the record.

    Raises:
        UsageError: naming what changed.
    """
    before, after = dict(then), dict(now)
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    if changed:
        raise UsageError(
            f"what the judge reads is not what it was when the study began ({', '.join(changed[:5])}), so a number of "
            "then cannot come back: restore it and run this again, or begin a new segment with `overnight run`"
        )
