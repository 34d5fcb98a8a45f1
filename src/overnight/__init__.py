"""The autoresearch loop for anything that can be measured. See `overnight.ports` to write adapters."""

from overnight.errors import OvernightError, UsageError
from overnight.model.box import Box, Completed, Coverage, Limits, Mount
from overnight.model.brief import AgentBudget, Brief
from overnight.model.contract import Contract, Objective, Tier
from overnight.model.event import Event
from overnight.model.experiment import Ask, Change, Evaluation, Failure, Measurement, Outcome, Proposal, Trust, Verdict
from overnight.model.state import Experiment, State
from overnight.model.step import Again
from overnight.ports import Agent, Executor, Policy, Running, Sandbox, Sink

__version__ = "0.1.0"

__all__ = [
    "Again",
    "Agent",
    "AgentBudget",
    "Ask",
    "Box",
    "Brief",
    "Change",
    "Completed",
    "Contract",
    "Coverage",
    "Evaluation",
    "Event",
    "Executor",
    "Experiment",
    "Failure",
    "Limits",
    "Measurement",
    "Mount",
    "Objective",
    "Outcome",
    "OvernightError",
    "Policy",
    "Proposal",
    "Running",
    "Sandbox",
    "Sink",
    "State",
    "Tier",
    "Trust",
    "UsageError",
    "Verdict",
]
