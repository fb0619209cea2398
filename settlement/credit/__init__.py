"""Credit records of parties: made from what happened, noticed, open to appeal, expiring (domain.md §9.3)."""
