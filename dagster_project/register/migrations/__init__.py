"""The register's tables, version by version (alembic). A version that was released is never changed: add one."""
