"""The live edge: the room protocol over WebSocket (docs/PROTOCOL.md), on a listener of its own and beside the pages."""
