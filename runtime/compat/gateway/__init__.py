"""Web applications of the two usual Python interfaces, as what answers a Worker's requests.

``asgi`` and ``wsgi`` have the same names: ``entrypoint(app)`` is a class for ``Default``, and
``fetch(app, request, env)`` answers one request.
"""
