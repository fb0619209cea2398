"""The market's door: HTTP, WebSocket, pages, accounts and permissions, and the command line. Decides nothing about lots."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ortoo")
except PackageNotFoundError:  # run from a checkout (tools/setup.sh puts the directory on the path, it installs nothing)
    __version__ = "0.1.0"
