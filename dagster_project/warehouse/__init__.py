"""The warehouse on disk: paths and lock, atomic files, issued documents, snapshots, dbt, what need not be done again.

`verify` proves what is kept for good; `recovery` removes what is derived and damaged.
"""
