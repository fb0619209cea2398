"""HTTP: who asks, may they, parse, ask the engine, answer. Pages and live rooms hang on the same application."""
