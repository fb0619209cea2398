"""Achievements at the gateway: who stands how close to one, and the guided form that makes one."""
