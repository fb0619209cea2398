"""Recognition and registration of technology contracts: form, pre-check, package, the registrar's desk, certificate."""
