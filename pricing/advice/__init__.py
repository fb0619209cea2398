"""From a range to a decision: reserve, start, increments, deposit, mode of sale."""
