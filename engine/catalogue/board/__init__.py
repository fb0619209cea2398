"""The publicity board in lists: notices and struck deals, found by words, field, region, mode, state and day. Decides nothing."""
