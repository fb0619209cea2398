"""Distribution of income for people: who of a unit may do what."""
