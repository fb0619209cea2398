"""The operator's desk: lots in preparation. What is published is in the journal; a draft is only a form that was not lost."""
