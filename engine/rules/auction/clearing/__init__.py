"""How a session that is not an open ascending one finds its winners: one pure function of the bids for each format."""
