"""`art` and `python -m artcli`."""

from artcli.cli.main import main

if __name__ == "__main__":
    main()
