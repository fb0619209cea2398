"""Notices of agreements at the gateway: drafts, ladders of approval, objectors, who is told."""
