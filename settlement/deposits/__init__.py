"""Deposits of buyers: required, paid, held, and then released, converted, forfeited or partly deducted. Always in exactly one state."""
