"""Pure rules of the trade: no clock, no randomness, no database, no event loop.

`decide(state, command, at_us)` answers `Accepted(event)` or `Rejected(code, data)`; `evolve(state, event)` gives the next state.
"""
