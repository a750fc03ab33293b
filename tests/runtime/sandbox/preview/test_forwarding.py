from contextvars import copy_context

import pytest
from multidict import CIMultiDict

from perdure.actors.http import Request, Response
from perdure.runtime.sandbox.preview.forwarding import (
    answered,
    forwarded,
    host_of,
    note_port,
    whole_hostname,
)
from perdure.runtime.sandbox.purpose import FIELD


def incoming(url: str, *fields: tuple[str, str], address: str | None = "192.0.2.7") -> Request:
    return Request.incoming("POST", url, CIMultiDict(fields), b"body", address)


async def test_what_only_a_proxy_knows_is_what_the_proxy_says() -> None:
    names = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", FIELD]
    names += ["X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Forwarded-Server", "X-Real-IP"]
    names += ["X-Original-URL", "X-Sandbox-Name"]
    lies = [(spelled, "a lie") for name in names for spelled in (name, name.lower(), name.upper())]
    url = "https://8080-id-token.example.com:444/a%2fb?c=%41"
    request = forwarded(incoming(url, *lies, ("X-Own", "1"), ("X-Own", "2")), "id")
    assert list(request.header_fields().items()) == [
        ("X-Own", "1"),
        ("X-Own", "2"),
        ("X-Original-URL", url),
        ("X-Forwarded-Host", "8080-id-token.example.com:444"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-For", "192.0.2.7"),
        ("X-Sandbox-Name", "id"),
    ]
    assert [request.method, request.url, await request.text()] == ["POST", url, "body"]


def test_an_address_that_nobody_knows_is_not_told() -> None:
    lie = ("X-Forwarded-For", "10.0.0.1")
    request = forwarded(incoming("ws://8080-id-token.localhost/", lie, address=None), "id")
    assert "X-Forwarded-For" not in request.header_fields()
    assert request.header_fields()["X-Forwarded-Proto"] == "http"


def test_cookies_lose_their_domain_and_all_else_stays() -> None:
    fields = CIMultiDict(
        [
            ("Set-Cookie", "a=1; Domain=x.com"),
            ("X-Own", "1"),
            ("set-cookie", "b=2; domain=y; Path=/"),
        ]
    )
    made = Response.incoming(201, "Made", fields, b"body", "http://x/")
    response = answered(made, incoming("http://8080-id-token.localhost/"), 8080)
    assert response.headers.get_set_cookie() == ["a=1", "b=2; Path=/"]
    assert response.headers["X-Own"] == "1"
    assert [response.status, response.status_text, response.url] == [201, "Made", "http://x/"]
    assert response.content == b"body"


OUTSIDE = "https://8080-id-token.example.com:444"


@pytest.mark.parametrize(
    ("location", "seen"),
    [
        ("http://localhost:8080/there?x=1#y", f"{OUTSIDE}/there?x=1#y"),
        ("https://localhost:8080/there", f"{OUTSIDE}/there"),
        ("HTTP://LocalHost:8080", OUTSIDE),
        ("http://localhost:8080?x=http://localhost:8080/", f"{OUTSIDE}?x=http://localhost:8080/"),
        ("/there", "/there"),
        ("there", "there"),
        ("//localhost:8080/", "//localhost:8080/"),
        ("http://localhost:80801/", "http://localhost:80801/"),
        ("http://localhost:8081/", "http://localhost:8081/"),
        ("http://localhost:8080@evil/", "http://localhost:8080@evil/"),
        ("http://localhost:8080.evil/", "http://localhost:8080.evil/"),
        ("http://localhost/", "http://localhost/"),
        ("http://elsewhere/http://localhost:8080/", "http://elsewhere/http://localhost:8080/"),
        ("", ""),
    ],
)
def test_a_redirect_to_what_the_server_was_told_that_it_is_leads_to_where_it_is_seen(
    location: str, seen: str
) -> None:
    request = incoming(f"{OUTSIDE}/here")
    fields = CIMultiDict([("Location", location), ("X-Own", "1")])
    response = answered(Response.incoming(302, "Found", fields, None), request, 8080)
    assert sorted(response.header_fields().items()) == [("Location", seen), ("X-Own", "1")]


def test_a_refused_upgrade_is_redirected_to_a_page() -> None:
    fields = CIMultiDict([("Location", "http://localhost:8080/sign-in")])
    request = incoming("ws://8080-id-token.localhost/")
    response = answered(Response.incoming(302, "Found", fields, None), request, 8080)
    assert response.headers["Location"] == "http://8080-id-token.localhost/sign-in"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://a:1/b@c:2/", "a:1"),
        ("http://a?b/c", "a"),
        ("http://a#b", "a"),
        ("ws://a", "a"),
        ("http://u@a/", "u@a"),
        ("*", ""),
    ],
)
def test_the_host_of_a_url_is_as_it_stands_there(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("seen", "hostname", "whole"),
    [
        ("localhost:8787", "localhost", "localhost:8787"),
        ("127.0.0.1:8787", "127.0.0.1", "localhost:8787"),
        ("8080-id-token.localhost:99", "localhost", "localhost:99"),
        ("localhost:8787", "localhost:1234", "localhost:1234"),
        ("localhost:8787", "example.com", "example.com"),
        ("localhost", "localhost", "localhost"),
        ("example.com:8787", "localhost", "localhost"),
    ],
)
def test_this_machines_name_gets_the_port_that_the_request_came_to(
    seen: str, hostname: str, whole: str
) -> None:
    def told() -> str:
        note_port(seen)
        return whole_hostname(hostname)

    assert copy_context().run(told) == whole
    assert whole_hostname(hostname) == hostname.replace("127.0.0.1", "localhost")
