"""The statistical core: learns from every settled deal and every unsold lot, and knows how often it was right."""
