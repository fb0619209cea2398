"""Tables that a valuation leans on before the market has spoken: every row with its source, its date and how sure it is."""
