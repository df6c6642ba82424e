"""`python -m sciabc_tui` is `sciabc-tui`."""

from sciabc_tui.cli.main import main

if __name__ == "__main__":
    main()
