"""One simulated night by name, of the product's policies and of its peers': `python benchmarks/night/run.py --help`."""

import argparse
import math

from drive import Terms
from drive import night as rehearse
from outcome import Night
from peers import PEERS
from scenarios import SCENARIOS

from overnight.wiring.policies import POLICIES

ALL = (*POLICIES, *PEERS)


ABLATED = "-ablated"
"""At the end of a policy's name: an ablation follows, outside of the budget."""


def night(policy: str, scenario: str, budget: int, seed: int) -> Night:
    """The night of `policy`, a name of the product's or of `PEERS`, in world number `seed` of `scenario`.

    Raises:
        KeyError: there is no such scenario, or no such policy.
    """
    kind = SCENARIOS[scenario]
    world = kind.world(seed)
    if policy in PEERS:
        return PEERS[policy](world, budget)
    meter = kind.meter
    terms = Terms(
        policy=policy.removesuffix(ABLATED),
        budget=budget,
        seed=seed,
        # Only a judge that prints a score for each example lets tau be known; where there is a gate it stands alone.
        fit=0.0 if kind.gate else math.hypot(meter.tau, math.sqrt(2) * meter.tau_own),
        held=meter.tau_holdout,
        gate=kind.gate,
        certify=meter.tau_holdout > 0,
    )
    return rehearse(terms, world, ablate=policy.endswith(ABLATED))


def main() -> None:
    """Print one night."""
    parser = argparse.ArgumentParser(description="One simulated night.")
    parser.add_argument("--policy", choices=ALL, default="default")
    parser.add_argument("--scenario", choices=SCENARIOS, default="sigma8")
    parser.add_argument("--budget", type=int, default=300, help="evaluations")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    seen = night(options.policy, options.scenario, options.budget, options.seed)
    for at, truth, claim in seen.course:
        print(f"evaluation {at:4d}: the best is worth {truth:7.1f}, believed {claim:7.1f}")
    interval = "" if seen.low is None or seen.high is None else f", 95 % [{seen.low:.1f}, {seen.high:.1f}]"
    print(f"true gain {seen.gain:.1f}, claimed {seen.claim:.1f}{interval}, certified: {seen.certified}")
    print(f"the best changed {seen.keeps} times, {seen.lucky} times to one that is no better")
    print(f"{seen.steps} changes lead to the final one, {seen.worthless} of them are worth nothing")


if __name__ == "__main__":
    main()
