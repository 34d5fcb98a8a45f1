"""Rules of promotion: when a candidate is the best, and how often it is read until that is known.

Each is stateless and pure behind `overnight.ports.Decision`. What a contract forbids (guards, bounds, tampering) is
the same for all and stands in `overnight.rules.decide`.
"""
