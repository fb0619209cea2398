"""Taxes and subsidies of a registered contract as reference sheets: pure functions over versioned parameters, no tax advice."""
