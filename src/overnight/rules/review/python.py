"""What the syntax tree of one Python text shows. Nothing is imported or run."""

import ast
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, NamedTuple

from overnight.rules.review import tables
from overnight.rules.review.words import Finding

LARGEST = 200_000
"""Characters of a text that is parsed: about a second at the very worst."""

_LONG = 1000
_ENTRIES = 200
_WIDE = 200
_MOST = 200
_TRIVIAL = (ast.Pass, ast.Continue, ast.Break)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_CALLED = {"getattr", "setattr", "delattr", "vars", "builtins", "__builtins__"}
_STANDARD = sys.stdlib_module_names | {"builtins", "__main__"}


class Terms(NamedTuple):
    """What a contract makes suspicious: names of metrics that only the judge prints, modules of the judge, hidden
    places, and the variables that the contract names.
    """

    metrics: tuple[str, ...] = ()
    judge: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


def parse(text: str) -> tuple[ast.Module | None, bool]:
    """(the tree of `text`, whether it is too large or too deeply nested); no tree either when it is not Python."""
    if len(text) > LARGEST:
        return None, True
    try:
        return ast.parse(text), False
    except (SyntaxError, ValueError):
        return None, False
    except (RecursionError, MemoryError):
        return None, True


def findings(tree: ast.Module, text: str, terms: Terms) -> list[Finding]:
    """Everything that the rules find in a tree, in the order of its lines; at most some hundreds."""
    reader = _Reader(tree, text, terms)
    found: dict[tuple[str, int], Finding] = {}
    for finding in reader.read():
        found.setdefault((finding.rule, finding.line), finding)
        if len(found) >= _MOST:
            break
    return sorted(found.values(), key=lambda finding: (finding.line, finding.rule))


def assertions(tree: ast.Module, text: str) -> list[Finding]:
    """Every assertion, so that those that are gone can be told."""
    reader = _Reader(tree, text, Terms())
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Assert))
    return [reader.finding("check-removed", node, reader.source(node.lineno)) for node in found]


class _Reader:
    """One walk over a tree, with the names that its imports give to modules."""

    def __init__(self, tree: ast.Module, text: str, terms: Terms) -> None:
        self._tree = tree
        self._lines = text.split("\n")
        self._terms = terms
        self._modules: dict[str, str] = {}
        self._quiet: set[int] = set()
        self._metric = _metric_pattern(terms.metrics)

    def source(self, line: int) -> str:
        """The text of a line, without the space around it."""
        return self._lines[line - 1].strip()[:300] if line <= len(self._lines) else ""

    def finding(self, rule: str, node: ast.stmt | ast.expr | ast.ExceptHandler, thing: str) -> Finding:
        return Finding(rule, node.lineno, thing, f"{thing} in {self.source(node.lineno)}")

    def read(self) -> Iterator[Finding]:
        nodes = list(ast.walk(self._tree))
        for node in nodes:
            self._learn(node)
        yield from self._built_ins()
        for node in nodes:
            look = self._LOOKS.get(type(node))
            if look is not None:
                yield from look(self, node)

    def _learn(self, node: ast.AST) -> None:
        """Note what an import names, which constants are documentation, and where `environ` is asked for a name."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._modules[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                self._modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Expr | ast.Subscript):
            if isinstance(node.value, ast.Constant) or _ends(node.value, "environ"):
                self._quiet.add(id(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _ends(node.func.value, "environ"):
            self._quiet.add(id(node.func.value))

    def _dotted(self, node: ast.AST) -> str:
        """The dotted name that an expression reaches, its first part as the imports resolve it; "" = no such.

        What is neither imported nor a built-in function begins with a question mark, which no known name does.
        """
        parts: list[str] = []
        while True:
            if isinstance(node, ast.Attribute):
                parts.append(node.attr)
                node = node.value
            elif isinstance(node, ast.Name):
                root = self._modules.get(node.id, node.id if node.id in _CALLED else f"?{node.id}")
                return ".".join([root, *reversed(parts)])
            else:
                root = self._reached(node)
                return ".".join([root, *reversed(parts)]) if root else ""

    def _reached(self, node: ast.AST) -> str:
        """The module behind `__import__("x")`, `importlib.import_module("x")` and `sys.modules["x"]`."""
        if isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Name | ast.Attribute):
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            return _text(node.args[0]) if called in ("__import__", "import_module") else ""
        if isinstance(node, ast.Subscript) and _ends(node.value, "modules"):
            return _text(node.slice)
        return ""

    def _import(self, node: ast.Import | ast.ImportFrom) -> Iterator[Finding]:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            names = [f"{node.module or ''}.{alias.name}".lstrip(".") for alias in node.names]
        for name in names:
            yield from self._known(node, name)
            if name.partition(".")[0] in self._terms.judge:
                yield self.finding("judge", node, name)

    def _known(self, node: ast.stmt | ast.expr, name: str) -> Iterator[Finding]:
        parts = name.split(".", 5)[:5]
        for count in range(1, len(parts) + 1):
            rule = tables.RULE_OF.get(".".join(parts[:count]))
            if rule is not None:
                yield self.finding(rule, node, ".".join(parts))
                return

    def _name(self, node: ast.Name | ast.Attribute) -> Iterator[Finding]:
        if isinstance(node, ast.Name):
            if node.id in tables.BUILT_IN and node.id not in self._modules:
                yield self.finding(tables.BUILT_IN[node.id], node, node.id)
            elif node.id in self._modules:
                yield from self._known(node, self._modules[node.id])
        elif node.attr in tables.ATTRIBUTES:
            yield self.finding(tables.ATTRIBUTES[node.attr], node, node.attr)
        else:
            yield from self._known(node, self._dotted(node))
        if _ends(node, "environ") and id(node) not in self._quiet and self._dotted(node) == "os.environ":
            yield self.finding("environment", node, "os.environ")

    def _call(self, node: ast.Call) -> Iterator[Finding]:
        name = self._dotted(node.func)
        last = name.rpartition(".")[2]
        if name in ("getattr", "setattr", "delattr", "vars") and node.args:
            yield from self._indirect(node, name)
        elif name == "contextlib.suppress" and any(_is_broad(one) for one in node.args):
            yield self.finding("swallowed", node, name)
        elif name in ("os.getenv", "os.environb.get") or (last in ("get", "pop", "setdefault") and "environ" in name):
            yield from self._variable(node, node.args[0] if node.args else node)
        elif last in ("__import__", "import_module") and node.args and _text(node.args[0]) in self._terms.judge:
            yield self.finding("judge", node, _text(node.args[0]))

    def _indirect(self, node: ast.Call, called: str) -> Iterator[Finding]:
        """`getattr(module, "name")` is the name; a computed name of a module may be any."""
        owner = self._dotted(node.args[0])
        module = owner in self._modules.values() or owner in ("builtins", "__builtins__")
        if called == "vars" or len(node.args) < 2:
            if module:
                yield self.finding("patch", node, f"{called}({owner})")
            return
        attribute = _text(node.args[1])
        if attribute in tables.ATTRIBUTES:
            yield self.finding(tables.ATTRIBUTES[attribute], node, attribute)
        elif called != "getattr" and module:
            yield self.finding(_patched(owner), node, f"{called}({owner}, ...)")
        elif attribute:
            yield from self._known(node, f"{owner}.{attribute}")
        elif module:
            yield self.finding("dynamic-code", node, f"{called}({owner}, ...) with a computed name")

    def _variable(self, node: ast.expr, name: ast.expr) -> Iterator[Finding]:
        variable = _text(name)
        if not variable:
            yield self.finding("environment", node, "a computed name")
        elif variable not in self._terms.variables and not tables.ENVIRONMENT.fullmatch(variable):
            yield self.finding("environment", node, variable)

    def _subscript(self, node: ast.Subscript) -> Iterator[Finding]:
        if self._dotted(node.value) in ("os.environ", "os.environb"):
            yield from self._variable(node, node.slice)

    def _assign(self, node: ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete) -> Iterator[Finding]:
        targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
        value = None if isinstance(node, ast.Delete) else node.value
        for target in _flat(targets):
            if isinstance(target, ast.Subscript):
                if _ends(target.value, "__dict__"):
                    yield self.finding("patch", target, f"{self._dotted(target.value) or '__dict__'}[...]")
            elif isinstance(target, ast.Attribute):
                yield from self._attribute_set(target, value)

    def _attribute_set(self, target: ast.Attribute, value: ast.expr | None) -> Iterator[Finding]:
        name = self._dotted(target)
        owner = name.rpartition(".")[0]
        root = owner.partition(".")[0]
        known = {module.partition(".")[0] for module in self._modules.values()}
        if root not in known and root not in ("builtins", "__builtins__"):
            return
        setting = isinstance(value, ast.Constant) and root not in _STANDARD
        if not setting:
            yield self.finding(_patched(owner), target, f"{name} = ...")

    def _built_ins(self) -> Iterator[Finding]:
        for node in self._tree.body:
            if isinstance(node, _FUNCTIONS) and (node.name in tables.SHADOWED or node.name == "__getattr__"):
                yield self.finding("patch", node, f"def {node.name}")
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id in tables.SHADOWED:
                        yield self.finding("patch", node, f"{target.id} = ...")

    def _handler(self, node: ast.ExceptHandler) -> Iterator[Finding]:
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        broad = node.type is None or any(one is not None and _is_broad(one) for one in caught)
        if broad and all(_does_nothing(statement) for statement in node.body):
            body = self.source(node.body[0].lineno)
            yield Finding("swallowed", node.lineno, self.source(node.lineno), f"{self.source(node.lineno)} {body}")

    def _constant(self, node: ast.Constant) -> Iterator[Finding]:
        value = node.value
        if isinstance(value, str | bytes) and len(value) >= _LONG:
            documentation = id(node) in self._quiet and isinstance(value, str) and _is_prose(value)
            if not documentation:
                yield self.finding("literal", node, f"{len(value)} characters: {value[:40]!r}")
        elif isinstance(value, int) and value.bit_length() > _WIDE:
            yield Finding("literal", node.lineno, f"a number of {value.bit_length()} bits", f"{value:x}")
        if isinstance(value, str) and id(node) not in self._quiet:
            yield from self._spoken(node, value[:2000])

    def _spoken(self, node: ast.Constant, value: str) -> Iterator[Finding]:
        if tables.PLACES.search(value):
            yield self.finding("outside", node, value)
        if tables.RECORD.search(value):
            yield self.finding("record", node, value)
        if self._metric is not None and self._metric.search(value):
            yield self.finding("metric-line", node, value)
        if any(value == place or f"{place}/" in value or value.endswith(f"/{place}") for place in self._terms.hidden):
            yield self.finding("hidden-data", node, value)
        if any(f"{name}.py" in value for name in self._terms.judge):
            yield self.finding("judge", node, value)

    def _table(self, node: ast.List | ast.Tuple | ast.Set | ast.Dict) -> Iterator[Finding]:
        items = node.values if isinstance(node, ast.Dict) else node.elts
        fixed = sum(1 for item in items if _is_fixed(item))
        if fixed >= _ENTRIES:
            yield Finding("literal", node.lineno, f"a table of {fixed} values", f"{fixed} {self.source(node.lineno)}")

    def _method(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Finding]:
        if node.name in tables.METHODS:
            yield self.finding("special-method", node, f"def {node.name}")

    _LOOKS: ClassVar[dict[type[ast.AST], Callable[..., Iterator[Finding]]]] = {
        **dict.fromkeys((ast.Import, ast.ImportFrom), _import),
        **dict.fromkeys((ast.Name, ast.Attribute), _name),
        **dict.fromkeys((ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete), _assign),
        **dict.fromkeys((ast.List, ast.Tuple, ast.Set, ast.Dict), _table),
        **dict.fromkeys(_FUNCTIONS, _method),
        ast.Call: _call,
        ast.Subscript: _subscript,
        ast.ExceptHandler: _handler,
        ast.Constant: _constant,
    }


def _metric_pattern(metrics: tuple[str, ...]) -> re.Pattern[str] | None:
    if not metrics:
        return None
    names = "|".join(re.escape(name) for name in metrics)
    return re.compile(rf"^METRIC[ \t]|\nMETRIC[ \t]|(?<![A-Za-z0-9_])(?:{names})[\"']?[ \t]?[:=]")


def _ends(node: ast.AST | None, name: str) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == name) or (isinstance(node, ast.Name) and node.id == name)


def _is_broad(node: ast.expr) -> bool:
    return _ends(node, "Exception") or _ends(node, "BaseException")


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _flat(targets: Sequence[ast.expr]) -> Iterator[ast.expr]:
    for target in targets:
        if isinstance(target, ast.Tuple | ast.List):
            yield from target.elts
        else:
            yield target


def _patched(owner: str) -> str:
    return "clock" if owner.partition(".")[0] in ("time", "datetime") else "patch"


def _does_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Return):
        return node.value is None or isinstance(node.value, ast.Constant)
    return isinstance(node, _TRIVIAL) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _is_fixed(node: ast.AST | None) -> bool:
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    if isinstance(node, ast.Tuple | ast.List):
        return all(isinstance(item, ast.Constant) for item in node.elts)
    return isinstance(node, ast.Constant)


def _is_prose(text: str) -> bool:
    """Whether a text is made of words as people write them, not of data."""
    words = text.split()
    return len(words) * 12 > len(text) and max(map(len, words)) < 100
