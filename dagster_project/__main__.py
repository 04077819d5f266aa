"""`python -m dagster_project` is `meterhouse`."""

from dagster_project.cli.app import main

if __name__ == "__main__":
    main()
