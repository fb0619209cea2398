"""From a struck deal to money moved: ledger, deposits, the bank port. Knows no HTTP and no pages."""
