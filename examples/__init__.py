"""Experiments to run from the project's root: `python -m examples.early_stopping`."""
