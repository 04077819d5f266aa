"""The commands: what a person sees on a terminal.

What belongs here: flags, sentences, tables on screen. What does not: doing the work, which is the pipeline's. `check`, `explain`,
`reconcile` and `--help` start in under a second: nothing here imports Dagster, dbt or Great Expectations before a run needs them.
"""
