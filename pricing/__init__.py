"""What an achievement may be worth, how sure that is, and what to do with it: ranges, evidence and advice, never a lone number."""
