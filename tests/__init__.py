"""Tests mirror the packages; then contract, integration, simulation, browser."""
