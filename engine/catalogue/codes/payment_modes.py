"""Payment modes (支付方式) of the registration form (domain.md §5.13)."""

from __future__ import annotations

from typing import Final

from engine.catalogue.codes.tables import Entry, load_table

PAYMENT_MODES: Final = load_table("payment_modes", Entry)
