"""How far it goes: a crowd on one lot, very many lots, a very long log, and more processes; each against a limit in the same run."""
