"""The kernel: frames in, frames out.

Reads nothing, writes nothing and never asks what time it is: whoever reads this package needs to know billing only.
``rating.books`` is the one part that reads files (the contract data).
"""
