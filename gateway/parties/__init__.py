"""Parties at the door: names from one place, who acts for whom, whether somebody may buy."""
