"""`ortoo demo`: the market opened with believable demonstration lots, and a session in which really recorded bids arrive."""
