"""Dagster: assets, checks, jobs, schedules, sensors, partitions and resources, each a thin declaration over the pipeline's steps.

What belongs here: keys, lineage, words and figures for the graph. What does not: doing the work.
"""
