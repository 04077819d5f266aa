"""What must hold of a run (invariants, expectations, the gate) and what deserves a person's look. Nothing here changes a figure."""
