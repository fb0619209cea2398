"""A market of several processes: the engine and the gateway as commands of their own, and what only one gateway does at a time."""
