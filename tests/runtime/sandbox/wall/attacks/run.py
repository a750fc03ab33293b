"""Runs one attack, as a hostile user would: NAME, and in JSON what it knows of the outside.

It writes one line of JSON: what was taken, or by which error the attack was stopped. What an attack
raises otherwise is a mistake of its own, and is told as such.
"""

import errno
import importlib
import json
import os
import sys

FILES = ("files", "processes", "sockets", "privileges", "greed")


def main() -> None:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    name, outside = sys.argv[1], json.loads(sys.argv[2])
    modules = (importlib.import_module(file) for file in FILES)
    attack = next(found for module in modules if (found := getattr(module, name, None)))
    try:
        told = {"took": attack(outside)}
    except OSError as error:
        number = error.errno or 0
        told = {"stopped": errno.errorcode.get(number, str(error)), "message": str(error)}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
