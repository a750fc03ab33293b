"""``python -m perdure``: the same as the command ``perdure``."""

from .cli.main import main

if __name__ == "__main__":
    main()
