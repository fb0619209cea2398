"""Technology contracts: kinds, clauses with their articles, technical amount, grounds of refusal, versions, documents."""
