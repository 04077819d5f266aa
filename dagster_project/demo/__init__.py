"""Events to try Meterhouse with."""
