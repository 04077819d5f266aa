"""Assets: thin declarations over the steps of a run (`steps.py`), one module a group of the graph.

What belongs here: keys, lineage, words and figures for the graph. What does not: doing the work.
"""
