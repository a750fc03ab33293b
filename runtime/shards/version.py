"""The version of perdure that this process runs, read once.

The files on the disk may be replaced by those of another version while a server runs: a process
that it starts then is of another version, and says so.
"""

from importlib.metadata import version

VERSION = version("perdure")
