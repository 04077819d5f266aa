"""The shell: landing, warehouse, assets, checks, schedules and commands. Decides nothing about money."""
