"""A run: its inputs, its steps in order, and what it refuses. Knows no orchestrator and no command."""
