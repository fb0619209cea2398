"""Contracts and registrations for people and programs: gathering facts, carrying deals on, acting, documents."""
