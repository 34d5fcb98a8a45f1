"""What strangers say, bounded and cleaned before it enters the record."""

from msgspec.structs import replace

from overnight.model.experiment import Measurement, Proposal
from overnight.rules.words import one_line

SUMMARY = 200
HYPOTHESIS = 1000
IDEA = 300
NOTE = 500
MOST_IDEAS = 10
MOST_SIGNS = 20


def cleaned(proposal: Proposal) -> Proposal:
    """`proposal` with every text on one line, without hidden characters, cut to its limit; at most ten ideas.

    Whoever the agent is: a command's reply is cleaned where it is read, an agent of a third party is not. Parameters
    are our own tuner's and stay as they are.
    """
    ideas = (one_line(idea, IDEA) for idea in proposal.ideas[:MOST_IDEAS])
    return replace(
        proposal,
        summary=one_line(proposal.summary, SUMMARY),
        hypothesis=one_line(proposal.hypothesis, HYPOTHESIS),
        ideas=tuple(idea for idea in ideas if idea),
        transcript=one_line(proposal.transcript, SUMMARY),
        note=one_line(proposal.note, NOTE),
        unavailable=one_line(proposal.unavailable, HYPOTHESIS),
    )


def signs(measurement: Measurement) -> Measurement:
    """`measurement` whose signs of tampering, which may name a candidate's files, are bounded lines."""
    if not measurement.tampering:
        return measurement
    return replace(
        measurement, tampering=tuple(one_line(sign, IDEA) for sign in measurement.tampering[:MOST_SIGNS])
    )  # fmt: skip
