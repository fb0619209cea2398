"""The pricing module as the gateway sees it: its process kept up, its quotes asked for and shown to who may see them."""
