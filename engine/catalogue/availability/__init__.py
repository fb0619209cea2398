"""What the prober saw, by notice: the evidence that a page could be read. Decides nothing."""
