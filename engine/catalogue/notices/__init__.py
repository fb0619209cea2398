"""Notices of agreements as lists and queues need them."""
