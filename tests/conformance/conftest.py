"""Sentences of the public documentation, each tried in a program of its own."""

import aiohttp
import pytest

from tests.conformance.sentence import Sentence
from tests.serving import Serving


@pytest.fixture
def sentence(serve: Serving, http: aiohttp.ClientSession) -> Sentence:
    return Sentence(serve, http)
