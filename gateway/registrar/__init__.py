"""The wire to an outside registrar's system: signed messages both ways, keys that rotate, a client and the doors it calls back."""
