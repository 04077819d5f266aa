"""Documents: what differs from what was issued, headers and lines put together, and the step that issues (R-36 to R-45)."""
