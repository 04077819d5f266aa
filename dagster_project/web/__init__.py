"""Pages for people: made by the server, without JavaScript, and no request leaves the machine (R-79 to R-81)."""
