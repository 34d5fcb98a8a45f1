"""Module-level constants of a Python file, found with LibCST so that everything around them stays as it is.

Does not know what the code does with a constant. A name that is bound again anywhere in the file is a variable, not a
constant, and is left alone.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

from overnight.agents.tunables.space import Scalar
from overnight.agents.tunables.tunable import Constant

_LONGEST = 8  # a longer literal sequence is a table of data
_POWER = re.compile(r"2\s*\*\*\s*\d{1,2}")


@lru_cache(maxsize=64)
def scan_python(data: bytes) -> tuple[Constant, ...]:
    """The literal constants of a module, in order.

    UPPER_CASE names: numbers, booleans, strings, short tuples, lists and dictionaries of them. Other names: single
    numbers; anything else only with a comment that binds it.

    Raises:
        ValueError: the file is not UTF-8 or not Python; the message says so.
    """
    bom = len(b"\xef\xbb\xbf") if data.startswith(b"\xef\xbb\xbf") else 0
    try:
        module = cst.parse_module(data[bom:].decode())
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8 text") from error
    except cst.ParserSyntaxError as error:
        raise ValueError(f"not valid Python (line {error.raw_line})") from error
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    spans = wrapper.resolve(ByteSpanPositionProvider)
    bindings = _Bindings()
    module.visit(bindings)
    found = []
    for name, value in _assignments(module):
        if bindings.counts[name] > 1 or (name.startswith("__") and name.endswith("__")):
            continue
        for key, node, scalar in _scalars(name, value):
            start = spans[node].start + bom
            end = start + spans[node].length
            loose = name.isupper() or (key == name and type(scalar) in (int, float))
            found.append(
                Constant(
                    key=key,
                    start=start,
                    end=end,
                    present=scalar,
                    power=bool(_POWER.fullmatch(data[start:end].decode())),
                    needs_hint=not loose,
                )
            )
    return tuple(found)


class _Bindings(cst.CSTVisitor):
    """Counts how often each name is bound at module level, or from a function through `global`."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self._depth = 0

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:  # noqa: N802 - the visitor's protocol
        self._bind(node.name)
        self._depth += 1

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:  # noqa: ARG002, N802 - the visitor's protocol
        self._depth -= 1

    def visit_ClassDef(self, node: cst.ClassDef) -> None:  # noqa: N802 - the visitor's protocol
        self._bind(node.name)
        self._depth += 1

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:  # noqa: ARG002, N802 - the visitor's protocol
        self._depth -= 1

    def visit_Global(self, node: cst.Global) -> None:  # noqa: N802 - the visitor's protocol
        for item in node.names:
            self.counts[item.name.value] += 1

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:  # noqa: N802 - the visitor's protocol
        self._bind(node.target)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:  # noqa: N802 - the visitor's protocol
        self._bind(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:  # noqa: N802 - the visitor's protocol
        self._bind(node.target)

    def visit_For(self, node: cst.For) -> None:  # noqa: N802 - the visitor's protocol
        self._bind(node.target)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:  # noqa: N802 - the visitor's protocol
        self._bind(node.target)

    def visit_AsName(self, node: cst.AsName) -> None:  # noqa: N802 - the visitor's protocol
        self._bind(node.name)

    def _bind(self, target: cst.BaseExpression) -> None:
        if self._depth:
            return
        if isinstance(target, cst.Name):
            self.counts[target.value] += 1
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._bind(element.value)


def _assignments(module: cst.Module) -> Iterator[tuple[str, cst.BaseExpression]]:
    """(name, value) of every `NAME = value` and `NAME: type = value` at module level."""
    for line in module.body:
        for statement in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            match statement:
                case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value):
                    yield name, value
                case cst.AnnAssign(target=cst.Name(value=name), value=cst.BaseExpression() as value):
                    yield name, value


def _scalars(key: str, node: cst.BaseExpression) -> Iterator[tuple[str, cst.BaseExpression, Scalar]]:
    """(key, node, value) of the literal `node`, or of every literal in a short sequence or dictionary of them."""
    if isinstance(node, cst.Tuple | cst.List) and len(node.elements) <= _LONGEST:
        for index, element in enumerate(node.elements):
            if isinstance(element, cst.Element):
                yield from _scalars(f"{key}[{index}]", element.value)
        return
    if isinstance(node, cst.Dict):
        for item in node.elements:
            if isinstance(item, cst.DictElement) and isinstance(item.key, cst.SimpleString):
                yield from _scalars(f"{key}.{item.key.raw_value}", item.value)
        return
    scalar = _scalar(node)
    if scalar is not None:
        yield key, node, scalar


def _scalar(node: cst.BaseExpression) -> Scalar | None:
    if isinstance(node, cst.Name):
        return {"True": True, "False": False}.get(node.value)
    if isinstance(node, cst.SimpleString):
        value = node.evaluated_value
        return value if isinstance(value, str) and not node.prefix and len(node.quote) == 1 else None
    number = _number(node)
    return number if number is not None and math.isfinite(number) else None


def _number(node: cst.BaseExpression) -> int | float | None:
    """The value of a decimal number, a signed one, or a product or power of such; None for anything else."""
    result: int | float | None = None
    match node:
        case cst.Integer(value=text):
            digits = text.replace("_", "")
            result = int(digits) if digits.isdecimal() and len(digits) <= 15 else None
        case cst.Float(value=text):
            result = float(text.replace("_", ""))
        case cst.UnaryOperation(operator=cst.Minus(), expression=inner):
            number = _number(inner)
            result = None if number is None else -number
        case cst.BinaryOperation(left=left, operator=cst.Multiply(), right=right):
            first, second = _number(left), _number(right)
            result = None if first is None or second is None else first * second
        case cst.BinaryOperation(left=left, operator=cst.Power(), right=right):
            result = _power(_number(left), _number(right))
    return result


def _power(base: float | None, exponent: float | None) -> int | float | None:
    if base is None or exponent is None or not 0 < base <= 1000 or not -64 <= exponent <= 64:
        return None
    result = base**exponent
    return result if isinstance(result, int | float) else None
