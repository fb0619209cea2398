"""The load client: a process of its own, in C where there is a compiler, else in Python; both obey the same
commands.
"""
