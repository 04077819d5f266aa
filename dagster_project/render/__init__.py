"""Pages and files made of what queries return."""
