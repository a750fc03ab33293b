"""A small ASGI application."""


async def application(scope, receive, send):
    if scope["type"] == "http":
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 202, "headers": [(b"x-a", b"b")]})
        await send(
            {
                "type": "http.response.body",
                "body": f"{scope['method']} {scope['path']} {scope['env'].GREETING} ".encode(),
                "more_body": True,
            }
        )
        await send({"type": "http.response.body", "body": body})
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            if event.get("text") == "end":
                await send({"type": "websocket.close", "code": 4000, "reason": "end"})
                return
            if "text" in event:
                await send({"type": "websocket.send", "text": event["text"].upper()})
            else:
                await send({"type": "websocket.send", "bytes": event["bytes"][::-1]})
