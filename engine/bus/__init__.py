"""How commands reach the writer and changes reach the gateways."""
