"""Great Expectations over the frames that finance reads: suites, their verdicts and the Data Docs.

Importing Great Expectations takes 8 s, so a process of its own does (`server.py`) while dbt and the kernel work.
What belongs here: what each value may look like. What does not: sums and ties (`invariants.py`, dbt tests).
"""
