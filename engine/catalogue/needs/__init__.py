"""Technology needs in PostgreSQL: written, checked by the operator, published, ended."""
