# Pure: no clock, no files.
"""What every JavaScript-like object here is: ``JsProxy``, and the class of such classes.

Where the platform has both ``null`` and ``undefined``, objects here give None, which is what
programs compare with; both are taken wherever a value is.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self

undefined: None = None
"""As on the platform, where JavaScript's undefined is Python's None."""


class JsClass(type):
    """The class of JavaScript-like classes: ``Response.new(...)``, ``Response.name``."""

    def new(cls, *arguments: Any, **options: Any) -> Any:
        """An instance; options are those of the trailing object that JavaScript takes."""
        return cls(*arguments, **options)

    @property
    def name(cls) -> str:
        """What JavaScript calls it."""
        return cls.js_name  # type: ignore[attr-defined,no-any-return]  # each JsProxy has one

    @property
    def prototype(cls) -> type:
        """Where its methods are found."""
        return cls

    @property
    def typeof(cls) -> str:
        return "function"


class JsProxy(metaclass=JsClass):
    """A JavaScript-like object.

    Class attributes:
        js_name: What ``constructor.name`` says; the class's own name when none is given with
            ``class View(JsProxy, js_name="DurableObjectState")``.
    """

    js_name: ClassVar[str] = "Object"
    # What a list of results is: values.py, which is above, puts JsList here.
    make_array: ClassVar[Callable[[Iterable[Any]], list[Any]]] = list

    def __init_subclass__(cls, js_name: str | None = None, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls.js_name = js_name or cls.__name__

    @property
    def constructor(self) -> type[Self]:
        """Its class, which has a ``name``."""
        return type(self)

    @property
    def typeof(self) -> str:
        """JavaScript's ``typeof``."""
        return "function" if callable(self) else "object"

    @property
    def js_id(self) -> int:
        """A number that no other object has while this one lives."""
        return id(self)

    def to_py(self, *, depth: int = -1, default_converter: Callable[..., Any] | None = None) -> Any:
        """The Python value that stands for this one; most objects stand for themselves."""
        del depth
        if default_converter is None:
            return self
        return default_converter(self, lambda value: value, lambda _value, _result: None)

    def own_entries(self) -> Iterable[tuple[str, Any]]:
        """For subclasses: names and values that ``Object.entries`` shows."""
        return ()

    def object_keys(self) -> Any:
        """As ``Object.keys``."""
        return JsProxy.make_array(name for name, _ in self.own_entries())

    def object_values(self) -> Any:
        """As ``Object.values``."""
        return JsProxy.make_array(value for _, value in self.own_entries())

    def object_entries(self) -> Any:
        """As ``Object.entries``."""
        return JsProxy.make_array(
            JsProxy.make_array((name, value)) for name, value in self.own_entries()
        )

    def as_object_map(self, *, hereditary: bool = False) -> Any:
        """A mapping of its properties."""
        del hereditary
        return dict(self.own_entries())

    def as_py_json(self) -> Any:
        """Itself: plain objects and arrays are dicts and lists already."""
        return self

    def toString(self) -> str:
        """As JavaScript's."""
        return str(self)

    def to_string(self) -> str:
        """As Pyodide spells it."""
        return self.toString()

    def valueOf(self) -> Any:
        """As JavaScript's."""
        return self


class JsNull(JsProxy, js_name="null"):
    """JavaScript's null, apart from undefined. ``jsnull`` is the only one."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "jsnull"

    def __reduce__(self) -> str:
        return "jsnull"

    def to_py(
        self, *, depth: int = -1, default_converter: Callable[..., Any] | None = None
    ) -> None:
        """None."""

    @property
    def typeof(self) -> str:
        return "object"


jsnull = JsNull()


def is_nullish(value: object) -> bool:
    """Whether it is JavaScript's null or undefined."""
    return value is None or value is jsnull


class JsException(JsProxy, Exception, js_name="Error"):
    """A JavaScript error, as ``except JsException as error`` gets it.

    Attributes:
        name: The name of its class: ``"TypeError"``.
        message: What went wrong.
        stack: Name and message: there are no JavaScript frames.
    """

    name: str
    message: str

    def __init__(self, message: Any = "", options: Any = None, *, cause: Any = None) -> None:
        text = "" if is_nullish(message) else str(message)
        super().__init__(text)
        self.name = type(self).js_name
        self.message = text
        if cause is None and isinstance(options, Mapping):
            cause = options.get("cause")
        self.cause = cause

    @classmethod
    def named(cls, name: str, message: str) -> "JsException":
        """One of any name: ``InvalidAccessError``, ``PythonError``."""
        error = cls(message)
        error.name = name
        return error

    @property
    def js_error(self) -> Self:
        """Itself: error and proxy are one object."""
        return self

    @property
    def stack(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message,), {"name": self.name}
