"""Credits: which grant pays which line, what comes back, and the ledger that says so (R-30 to R-35, R-44)."""
