"""Orders to the bank: written with the state change that causes them, sent until there is an answer, paid once."""
