"""Charges that no usage makes: base and flat fees, minimum commitments, one-time charges, prepaid purchases (R-28, R-29, R-35)."""
