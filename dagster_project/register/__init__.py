"""The register: what is agreed outside of the reviewed books. So far: who may speak to the door (R-53)."""
