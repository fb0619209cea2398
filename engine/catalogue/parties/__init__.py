"""Parties: organisations and persons, who they are, who acts for them, to whom they are related."""
