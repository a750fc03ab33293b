"""Limits and texts of the hibernation API, as the real workerd answers (API.md 2.8).

The texts are those of ``reference/golden/ws-hibernation-errors.json``, with the names of the
snake_case API in them.
"""

from tests.conformance.sentence import Sentence


async def test_the_text_of_each_limit(sentence: Sentence) -> None:
    """2.8: tags, attachment, auto-response, event timeout."""
    got = await sentence.run(
        """
        from perdure import WebSocketRequestResponsePair
        taken, _ = WebSocketPair()
        ctx.accept_web_socket(taken, [str(n) for n in range(10)] + ["0", "1"])
        fresh = WebSocketPair()[0]
        taken.serialize_attachment("x" * 16_370)
        return [(await raised(ctx.accept_web_socket, fresh, [str(n) for n in range(11)]))[1],
                (await raised(ctx.accept_web_socket, fresh, ["x" * 257]))[1],
                (await raised(taken.serialize_attachment, "x" * 16_385))[1],
                (await raised(WebSocketRequestResponsePair, "x" * 2049, ""))[1],
                (await raised(ctx.set_hibernatable_web_socket_event_timeout, 604_800_001))[1]]
        """,
        "/actor",
    )
    assert got[0] == "a Hibernatable WebSocket cannot have more than 10 tags"
    assert got[1] == f'"{"x" * 257}" is longer than the max tag length (256 characters).'
    text = "A WebSocket 'attachment' cannot be larger than 16384 bytes.'attachment' was "
    assert got[2].startswith(text)
    assert got[2].endswith(" bytes.")
    assert (
        got[3] == "Request cannot be larger than 2048 bytes. A request of size 2049 was provided."
    )
    assert got[4] == "Event timeout should not exceed 604800000 ms."


async def test_what_is_answered_before_anything_was_set(sentence: Sentence) -> None:
    """2.8: getters give null; 0 clears the event timeout; attachments are copies."""
    got = await sentence.run(
        """
        from perdure import WebSocketRequestResponsePair
        taken, other = WebSocketPair()
        ctx.accept_web_socket(taken)
        found = [ctx.get_web_socket_auto_response(),
                 ctx.get_web_socket_auto_response_timestamp(taken),
                 ctx.get_hibernatable_web_socket_event_timeout(),
                 taken.deserialize_attachment()]
        ctx.set_hibernatable_web_socket_event_timeout(5000)
        found.append(ctx.get_hibernatable_web_socket_event_timeout())
        ctx.set_hibernatable_web_socket_event_timeout(0)
        found.append(ctx.get_hibernatable_web_socket_event_timeout())
        value = {"list": [1]}
        taken.serialize_attachment(value)
        value["list"].append(2)
        taken.deserialize_attachment()["list"].append(3)
        found += [taken.deserialize_attachment(), other.deserialize_attachment()]
        ctx.set_web_socket_auto_response(WebSocketRequestResponsePair("ping", "pong"))
        pair = ctx.get_web_socket_auto_response()
        return found + [[pair.request, pair.response]]
        """,
        "/actor",
    )
    assert got == [None, None, None, None, 5000, None, {"list": [1]}, None, ["ping", "pong"]]
