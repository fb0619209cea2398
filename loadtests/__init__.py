"""Load tests: black box, only HTTP and WebSocket against a real server process, only on 127.0.0.1."""
