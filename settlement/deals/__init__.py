"""Deals: from the instant a price and its parties are struck to the archive. One process for each deal, whatever way it was struck."""
