"""Distribution of a unit's income from an achievement to those who completed it (促进科技成果转化法 arts. 43-45)."""
