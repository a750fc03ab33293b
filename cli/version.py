"""Which perdure this is."""

from importlib.metadata import version

VERSION = version("perdure")
