"""Real recorded auctions into the replay format."""
