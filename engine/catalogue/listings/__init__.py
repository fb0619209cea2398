"""Listings in lists: found by words and facets, and the queues of those who have to act. Decides nothing."""
