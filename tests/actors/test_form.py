"""Forms as browsers and other clients send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.actors.form import MULTIPART, URLENCODED, File, parse_form
from perdure.actors.http_errors import InvalidBody

BOUNDARY = "----WebKitFormBoundaryX"
KIND = f"{MULTIPART}; boundary={BOUNDARY}"


def multipart(*parts: tuple[str, bytes], boundary: str = BOUNDARY) -> bytes:
    text = b""
    for head, content in parts:
        text += f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"
    return text + f"--{boundary}--\r\n".encode()


def disposition(parameters: str, more: str) -> str:
    return f"Content-Disposition: form-data; {parameters}\r\n{more}"


def test_an_urlencoded_form_gives_its_fields_in_order() -> None:
    form = parse_form(b"a=1&b=caf%C3%A9+x&a=2&empty=", URLENCODED, "request")
    assert list(form.items()) == [("a", "1"), ("b", "café x"), ("a", "2"), ("empty", "")]
    assert form.getall("a") == ["1", "2"]


def test_the_content_type_may_have_parameters_and_capitals() -> None:
    assert parse_form(b"a=1", "Application/X-WWW-Form-Urlencoded; charset=UTF-8", "request")


def test_a_multipart_form_gives_text_and_files() -> None:
    data = multipart(
        ('Content-Disposition: form-data; name="title"', "Übung".encode()),
        (
            disposition('name="photo"; filename="münch;en.png"', "Content-Type: image/png"),
            b"\x89PNG\r\n\x00\xff--not a boundary\r\n",
        ),
    )
    form = parse_form(data, KIND, "request")
    assert form["title"] == "Übung"
    photo = form["photo"]
    assert isinstance(photo, File)
    assert (photo.name, photo.filename, photo.content_type) == (
        "photo",
        "münch;en.png",
        "image/png",
    )
    assert photo.data == b"\x89PNG\r\n\x00\xff--not a boundary\r\n"
    assert photo.size == len(photo.data)


def test_a_file_without_a_type_is_bytes_and_one_without_a_name_is_still_a_file() -> None:
    data = multipart(('Content-Disposition: form-data; name="f"; filename=""', b""))
    assert parse_form(data, KIND, "request")["f"] == File("f", "", "application/octet-stream", b"")


def test_names_are_read_as_browsers_and_curl_escape_them() -> None:
    data = multipart(
        ('Content-Disposition: form-data; name="a%22b"', b"1"),
        (r'Content-Disposition: form-data; name="f"; filename="c\"d.txt"', b"2"),
        ("content-disposition: form-data; name=plain", b"3"),
        ("Content-Disposition: form-data; name=\"g\"; filename*=utf-8''caf%C3%A9.txt", b"4"),
    )
    form = parse_form(data, KIND, "request")
    assert form['a"b'] == "1"
    files = [form["f"], form["g"]]
    assert [file.filename for file in files if isinstance(file, File)] == ['c"d.txt', "café.txt"]
    assert form["plain"] == "3"


def test_an_uploaded_message_is_not_taken_apart() -> None:
    inner = multipart(("X: y", b"z"), boundary="inner")
    data = multipart(
        (
            disposition('name="mail"; filename="a.eml"', "Content-Type: message/rfc822"),
            inner,
        )
    )
    mail = parse_form(data, KIND, "request")["mail"]
    assert isinstance(mail, File)
    assert mail.data == inner


def test_an_empty_form_and_a_preamble_are_fine() -> None:
    assert len(parse_form(b"--x--\r\n", f"{MULTIPART}; boundary=x", "request")) == 0
    data = b"This is a preamble.\r\n" + multipart(
        ('Content-Disposition: form-data; name="a"', b"1")
    )
    assert parse_form(data + b"epilogue", KIND, "request")["a"] == "1"


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/json", "multipart/mixed"])
def test_another_content_type_is_no_form(kind: str | None) -> None:
    with pytest.raises(InvalidBody, match=r"^the body of this request is not a form: it has"):
        parse_form(b"a=1", kind, "request")


def test_a_form_needs_its_boundary() -> None:
    with pytest.raises(InvalidBody, match="has no boundary"):
        parse_form(b"", MULTIPART, "request")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "its end, --b--, is missing"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1', "its end, --b--, is missing"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--", "a part has no name"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n--b--', "no empty line after"),
        (b"--bogus\r\n\r\n\r\n--b--", "a line begins with --b"),
        (b"--b", "a line begins with --b"),
    ],
)
def test_a_broken_form_says_what_is_broken(data: bytes, problem: str) -> None:
    with pytest.raises(InvalidBody, match=problem):
        parse_form(data, f"{MULTIPART}; boundary=b", "response")


@given(st.lists(st.tuples(st.from_regex("[a-z]{1,5}", fullmatch=True), st.binary())))
def test_files_come_out_as_they_went_in(files: list[tuple[str, bytes]]) -> None:
    parts = [
        (f'Content-Disposition: form-data; name="{name}"; filename="f"', content)
        for name, content in files
        if b"\r\n--" + BOUNDARY.encode() not in b"\r\n" + content
    ]
    form = parse_form(multipart(*parts), KIND, "request")
    found = [file.data for file in form.values() if isinstance(file, File)]
    assert found == [content for _, content in parts]
