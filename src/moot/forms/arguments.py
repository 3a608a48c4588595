"""What a form can be called with: its maker's annotations, held against arguments that may have come from a file.

It must never call a form, or know one: it looks at nothing but a signature and values.
"""

from __future__ import annotations

import difflib
import inspect
from types import SimpleNamespace, UnionType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from moot.transcript import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moot.transcript import Value


def check_arguments(name: str, maker: Callable[..., object], arguments: Mapping[str, Value]) -> None:
    """Raise `Invalid` where an argument of a form is unknown, missing or not of the type that its maker declares.

    Arguments may come from a file, so their types are looked at here, for every form alike.
    """
    kinds = _kinds(maker)
    parameters = inspect.signature(maker).parameters
    for key, value in arguments.items():
        if key not in parameters:
            near = difflib.get_close_matches(key, parameters, 1)
            guess = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(parameters) or 'none'}"
            raise Invalid(f"the form {name!r} takes no argument {key!r}; {guess}")
        if not _fits(value, kinds.get(key, object)):
            raise Invalid(f"the form {name!r} takes {key} as {_said(kinds[key])}, not {value!r}")
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in arguments:
            raise Invalid(f"the form {name!r} needs the argument {key!r}")


def _kinds(maker: Callable[..., object]) -> dict[str, Any]:
    """Return the types of a maker's parameters; what it returns may be named for type checkers alone."""
    own: dict[str, Any] = getattr(maker, "__annotations__", {})
    named = SimpleNamespace(__annotations__={name: kind for name, kind in own.items() if name != "return"})
    try:
        return get_type_hints(named, globalns=getattr(maker, "__globals__", {}))
    except NameError as error:
        raise Invalid(
            f"a form's arguments cannot be read: {error}; import it where it counts when the file runs"
        ) from None


def _fits(value: Value, kind: object) -> bool:
    inner = get_args(kind)
    if get_origin(kind) is Literal:
        return value in inner
    if isinstance(kind, UnionType):
        return any(_fits(value, one) for one in inner)
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_fits(one, inner[0]) for one in value)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return kind is object or (isinstance(kind, type) and isinstance(value, kind))


def _said(kind: object) -> str:
    """Return a type in a reader's words."""
    inner = get_args(kind)
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(repr, inner))
    if isinstance(kind, UnionType):
        return " or ".join(map(_said, inner))
    if get_origin(kind) is tuple:
        return f"a list of {_said(inner[0])}"
    plain = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "nothing"}
    return plain.get(kind, str(kind)) if isinstance(kind, type) else str(kind)


def schema_of(maker: Callable[..., object]) -> dict[str, Any]:
    """Return the JSON Schema of a form's arguments, as its maker declares them."""
    kinds = _kinds(maker)
    parameters = inspect.signature(maker).parameters
    needed = [name for name, one in parameters.items() if one.default is one.empty]
    properties = {name: _schema(kinds.get(name, object)) for name in parameters}
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}


def _schema(kind: object) -> dict[str, Any]:
    inner = get_args(kind)
    if get_origin(kind) is Literal:
        return {"enum": list(inner)}
    if isinstance(kind, UnionType):
        return {"anyOf": [_schema(one) for one in inner]}
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _schema(inner[0])}
    plain = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
    return {"type": plain[kind]} if isinstance(kind, type) and kind in plain else {}
