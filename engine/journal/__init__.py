"""The append-only log: records, canonical bodies, the digest chain, PostgreSQL."""
