"""Traces of requests and commands, where somebody wants them."""
