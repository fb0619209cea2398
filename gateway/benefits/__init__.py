"""Reference sheets for people: from a deal to its sheet."""
