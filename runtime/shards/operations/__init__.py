"""What the operator asks of a server of several processes (runtime/host/operations, carried out).

The supervisor's process answers. What is about one actor is done by the worker that has it, what
is about all of them by all workers, each for its own, and the answers are put together in the
order that one process would give; what is about the directory alone is done here, once.
"""
