"""The classical approaches of valuation, each a closed form with its worked example (docs/PRICING.md)."""
