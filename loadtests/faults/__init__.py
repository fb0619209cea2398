"""Stacks × scenarios × faults: real processes are broken on purpose, and a checker from outside says whether a promise was."""
