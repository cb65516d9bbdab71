"""`python -m ecorse.cli` is the command `ecorse`."""

from ecorse.cli import main

main()
