"""A small registrar's system to build against: takes the market's messages, registers each contract once, answers; for trials and tests.

It is no part of a running market. It shows an integrator what to keep (books.py), what to answer (site.py) and how to send answers until
they are taken (sending.py); faults.py makes it as unreliable as the real world.
"""
