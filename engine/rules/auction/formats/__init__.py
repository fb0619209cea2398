"""The other ways a market sells than by open ascending bids: their terms, what is asked, what happens, and the rules of each."""
