"""Listed trade (技术交易市场挂牌交易): disclosure, intents, qualification, offers, deals. Pure rules; sources in docs/RULES.md."""
