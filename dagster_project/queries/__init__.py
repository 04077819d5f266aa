"""The read side: what commands, pages and documents show, read from published marts. Nothing here computes a price."""
