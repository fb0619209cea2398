"""Whether everybody could read a notice: what the prober saw, and what that says of a period. Pure; domain.md §4.2."""
