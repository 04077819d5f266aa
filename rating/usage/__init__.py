"""From usage to usage lines: what is to be priced, its price, what a price model makes of it, lines (R-16 to R-27, R-38)."""
