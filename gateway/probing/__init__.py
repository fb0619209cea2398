"""The prober: looks at the public pages from outside the market's process and puts what it saw into the journal."""
