"""Fairness of agreed prices and screens that rank cases for people. Nothing here punishes anybody."""
