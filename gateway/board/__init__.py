"""The publicity board: the same bytes for everybody, rendered once for each state of the board."""
