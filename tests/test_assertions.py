"""Every test checks something whatever the code under test returns."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
WRAPPERS = {"enumerate", "sorted", "reversed", "list", "tuple"}


def runs(node: ast.expr, known: set[str]) -> bool:
    """Return whether a loop over `node` surely runs: over a literal, or over a name that stands for one."""
    match node:
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return any(not isinstance(item, ast.Starred) for item in items) or any(runs(i.value, known) for i in items)
        case ast.Dict(keys=keys):
            return bool(keys)
        case ast.Constant(value=value):
            return bool(value)
        case ast.Name(id=name):
            return name in known or name.isupper()
        case ast.Subscript(value=value, slice=ast.Slice()):
            return runs(value, known)
        case ast.ListComp(generators=generators) | ast.DictComp(generators=generators):
            return all(runs(part.iter, known) and not part.ifs for part in generators)
        case ast.Call(func=ast.Name(id="range"), args=[*_, ast.Constant() | ast.Name()]):
            return True
        case ast.Call(func=ast.Name(id="zip"), args=parts, keywords=[ast.keyword(arg="strict")]):
            return any(runs(part, known) for part in parts)
        case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in WRAPPERS:
            return runs(first, known)
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="np")) | ast.Attribute(attr="ndindex")):
            return True
        case ast.Call(func=ast.Attribute(value=value, attr="items" | "values" | "split" | "keys")):
            return runs(value, known)
    return False


def checks(body: list[ast.stmt], known: set[str]) -> bool:
    """Return whether running `body` surely comes to an assert, a `pytest.raises` or a call that fails by itself."""
    for statement in body:
        match statement:
            case ast.Assert():
                return True
            case ast.For(iter=over, body=inner) if runs(over, known) and checks(inner, known):
                return True
            case ast.With(items=items, body=inner) | ast.Try(body=inner, finalbody=items):
                if any(".raises(" in ast.unparse(item) or ".warns(" in ast.unparse(item) for item in items):
                    return True
                if checks(inner, known):
                    return True
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if runs(value, known):
                known.add(name)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if checks(statement.body, set(known)):
                    known.add(f"{statement.name}()")
            case ast.Expr(value=ast.Call() as call):
                text = ast.unparse(call)
                if "assert_" in text or "check=True" in text or any(name in text for name in known if name[-1] == ")"):
                    return True
                if text.endswith(".wait_for()") or "pytest.raises" in text:
                    return True
    return False


@pytest.mark.parametrize("path", sorted(TESTS.rglob("test_*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_every_test_surely_checks_something(path):
    functions = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)]
    tests = [function for function in functions if function.name.startswith("test_")]
    assert tests
    assert [test.name for test in tests if not checks(test.body, set())] == []
