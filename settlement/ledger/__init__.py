"""The ledger: double entry in whole fen, append-only, balanced by the database itself."""
