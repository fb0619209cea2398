"""The publicity board in lists: notices of agreements and struck deals, found by words, field, region, mode, state and day. Decides nothing."""
