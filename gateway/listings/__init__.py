"""Listed trade at the door: how wishes become commands of a listing, who may send which, and drafts that are not lost."""
