"""Supply and demand brought together: for an achievement the needs it may answer, for a need the achievements, with the reasons."""
