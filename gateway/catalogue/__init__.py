"""The catalogue on the web: what an address asks for, names of codes, and who may do what with needs and imports."""
