"""Trials that take minutes to hours, each a script: `python -m tests.trials.killed` and so on.

The tests run a small part of each.
"""
