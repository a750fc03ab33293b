"""Objects that others may call."""


class RpcTarget:
    """Base of objects that can be sent to others, who call them where they are.

    An instance given to a method of another actor, or returned by a method of one's own, is not
    copied: the other side gets an ``RpcStub``, whose calls run as events of the actor that has
    sent the instance. What can be called are the public methods of its class, and what can be
    awaited are its properties. Attributes of the instance, and names that begin with an
    underscore, stay private.

    A class may define ``dispose(self)``, as ``def`` or ``async def``: it is called, as an event of
    the actor, when nobody has a stub for the instance any more. It is not called when the actor
    loses its memory.
    """

    __slots__ = ("__weakref__",)
