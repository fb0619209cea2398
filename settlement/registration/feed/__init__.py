"""The feed to an outside registrar: an outbox that is pushed, pulled and answered; what cannot be delivered is seen and sent again."""
