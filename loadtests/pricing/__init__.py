"""`make bench-pricing`: the targets T1 .. T15 of the pricing module, each with what was reached."""
