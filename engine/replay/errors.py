"""What can be wrong with a recording."""

from __future__ import annotations


class BadLine(Exception):
    """A line that is not in the format; the text names the line and says what is wrong."""
