"""Karpathy's rule: keep what its first reading shows to be better. For metrics without noise."""

from overnight.model.experiment import Verdict
from overnight.model.state import State
from overnight.model.step import Read
from overnight.rules.decide import decide
from overnight.rules.deciding.readings import Settled, beside, contract_of, evaluation_of, forbidden, reference
from overnight.rules.guards import has_relative


class Greedy(Settled):
    """Promotes by the mean of the candidate's readings, which is one reading unless the contract asks for more."""

    def weigh(self, state: State, number: int) -> Verdict | Read:
        """The verdict, or the reading that it needs first: the best's, where a guard is relative to it."""
        return forbidden(state, number) or self.compare(state, number)

    def compare(self, state: State, number: int) -> Verdict | Read:
        """The same of a candidate that nothing forbids to compare."""
        contract, experiment = contract_of(state), state.experiments[number]
        verdict = decide(
            contract,
            evaluation_of(experiment),
            counted=(("loc", float(experiment.loc)),),
            against=reference(state, number),
        )
        missing = beside(state, number) if verdict.promote and has_relative(contract) else None
        return missing or verdict
