"""Deposits at the gateway: what a buyer sees of his own, what operators decide."""
