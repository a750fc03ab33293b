"""The two files of rules in a directory of assets, as they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config.errors import Problem
from ..config.model import AssetsConfig, WorkerConfig
from .header_rules import HEADERS_FILE, HeaderRules, parse_headers
from .redirects import REDIRECTS_FILE, Redirects, parse_redirects


@dataclass(frozen=True, slots=True)
class AssetRules:
    """What the directory says of paths, besides having files.

    Attributes:
        redirects: Of ``_redirects``.
        headers: Of ``_headers``.
        problems: Lines that are no rules, as warnings.
    """

    redirects: Redirects
    headers: HeaderRules
    problems: Sequence[Problem] = ()


def read_rules(config: AssetsConfig) -> AssetRules:
    """Read both files; one that is not there has no rules."""
    redirects_file = config.directory / REDIRECTS_FILE
    redirects, of_redirects = parse_redirects(
        _text(redirects_file), redirects_file, config.html_handling
    )
    headers_file = config.directory / HEADERS_FILE
    headers, of_headers = parse_headers(_text(headers_file), headers_file)
    return AssetRules(redirects, headers, (*of_redirects, *of_headers))


def problems_of_rules(config: WorkerConfig) -> Sequence[Problem]:
    """What is wrong with the rules of all Workers, as warnings."""
    directories = [program.assets for program in config.programs if program.assets is not None]
    return [problem for assets in directories for problem in read_rules(assets).problems]


def _text(file: Path) -> str:
    if not file.is_file():  # what is no file at all might never end
        return ""
    try:
        return file.read_text("utf-8-sig", "replace")
    except FileNotFoundError:  # it has gone meanwhile
        return ""
