"""Figures of the technology market and of institutions, counted from the histories of deals and registrations."""
