"""`python -m moot` is the command `moot`; it must never do anything else."""

from moot.cli import main

if __name__ == "__main__":
    main()
