"""The HTTP side of the bank: its callbacks come in, payments go out, both signed with a shared secret."""
