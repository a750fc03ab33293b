"""The HTTP and WebSocket front: accept, check, hand to the Worker, write what it answers.

The only place that knows aiohttp. Holds no user code and knows no actor by name.
"""
