"""The seeded simulator: real rules, book and writer on virtual time over a journal that fails the way PostgreSQL fails."""
