"""Read models: what people search. Consumers of the log; deleting them costs time only."""
