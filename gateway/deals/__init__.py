"""Deals for people and programs: telling listings, acting, showing."""
