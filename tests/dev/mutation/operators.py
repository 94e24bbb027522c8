# Copyright: The trustanchor.private_ca authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mutant of a file is: one small change of its text, found in its syntax tree.

Not changed, since nobody decides by it: docstrings, annotations, decorators, options of modules, timeouts, and the
texts of messages (whatever is in a `raise`, in an error that is made, in an f-string, or has a space).
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "//"),
    ast.FloorDiv: ("//", "*"),
    ast.Div: ("/", "*"),
    ast.BitOr: ("|", "&"),
    ast.BitAnd: ("&", "|"),
}
NAMES = {"any": "all", "all": "any", "min": "max", "max": "min"}
# Options of modules: ansible-test compares them with what is documented. Time limits: no verdict by speed.
TOLD_ELSEWHERE = ("SPECIFICATION", "SPEC", "OPTION", "OPTIONS", "SECONDS", "TIMEOUT")
ORDERED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@dataclass(frozen=True, order=True)
class Mutant:
    """One change of a file.

    Args:
        file: in the checkout.
        start: offset of the first byte that is replaced.
        end: of the first that is not.
        text: what takes their place.
        kind: in a word or two, what was done.
        line: number of the first line of the change.
    """

    file: str
    start: int
    end: int
    text: str
    kind: str
    line: int

    def apply(self, source: bytes) -> bytes:
        """The changed file."""
        return source[: self.start] + self.text.encode() + source[self.end :]

    def lines(self, source: bytes) -> tuple[str, str]:
        """The statement's lines before and after, each as one line without indentation."""
        begin, stop = source.rfind(b"\n", 0, self.start) + 1, source.find(b"\n", self.end)
        after = source[begin : self.start] + self.text.encode() + source[self.end : stop]
        return _joined(source[begin:stop]), _joined(after)


def _joined(text: bytes) -> str:
    return " ".join(text.decode().split())


def mutants(file: str, source: bytes) -> list[Mutant]:
    """All mutants of a file that are still Python, in order."""
    finder = _Finder(file, source)
    finder.visit(ast.parse(source))
    return sorted(one for one in set(finder.found) if _compiles(one.apply(source)))


def _compiles(source: bytes) -> bool:
    try:
        compile(source, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


class _Finder(ast.NodeVisitor):
    def __init__(self, file: str, source: bytes) -> None:
        self.file, self.source = file, source
        self.found: list[Mutant] = []
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def _begin(self, node: ast.expr | ast.stmt) -> int:
        return self.starts[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.starts[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr) -> str:
        return self.source[self._begin(node) : self._end(node)].decode()

    def _add(self, start: int, end: int, text: str, kind: str) -> None:
        line = self.source.count(b"\n", 0, start) + 1
        self.found.append(Mutant(self.file, start, end, text, kind, line))

    def _replace(self, node: ast.expr | ast.stmt, text: str, kind: str) -> None:
        self._add(self._begin(node), self._end(node), text, kind)

    def _between(self, left: ast.expr, right: ast.expr, words: tuple[str, str], kind: str) -> None:
        """Replace an operator, which has no place of its own in the tree."""
        start, end = self._end(left), self._begin(right)
        pattern = r"\s+".join(rf"\b{word}\b" if word.isalpha() else re.escape(word) for word in words[0].split())
        text = self.source[start:end].decode()
        changed = re.sub(pattern, words[1], text, count=1)
        if changed != text:
            self._add(start, end, changed, kind)

    # Statements.

    def visit_Raise(self, node: ast.Raise) -> None:
        self._replace(node, "pass", "raise left out")

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return  # a docstring
        self._replace(node, "pass", "statement left out")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._replace(node, "pass", "statement left out")
        self.visit(node.value)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and not isinstance(node.value, ast.Constant):
            self._replace(node.value, "None", "nothing returned")
        self.generic_visit(node)

    def visit_Break(self, node: ast.Break) -> None:
        self._replace(node, "continue", "break")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._replace(node, "break", "continue")

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        self._negate(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self._replace(node.type, "()", "nothing caught")
        for statement in node.body:
            self.visit(statement)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        told = isinstance(node.target, ast.Name) and node.target.id.endswith(TOLD_ELSEWHERE)
        if node.value is not None and not told:
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if all(isinstance(target, ast.Name) and target.id.endswith(TOLD_ELSEWHERE) for target in node.targets):
            return
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        for statement in node.body:
            self.visit(statement)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for statement in node.body:
            self.visit(statement)

    # Expressions.

    def _negate(self, test: ast.expr) -> None:
        simple = isinstance(test, ast.Compare) and len(test.ops) == 1 and not isinstance(test.ops[0], ORDERED)
        if not simple and not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
            self._replace(test, f"(not ({self._text(test)}))", "condition negated")

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._replace(test, "True", "condition left out")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._replace(node, f"bool({self._text(node.operand)})", "not left out")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        words = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._between(left, right, words, "and/or")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = [node.left, *node.comparators]
        for left, right, operator in zip(operands, operands[1:], node.ops, strict=False):
            self._between(left, right, COMPARISONS[type(operator)], "comparison")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if words := ARITHMETIC.get(type(node.op)):
            self._between(node.left, node.right, words, "arithmetic")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name.endswith("Error") or name in ("TypeVar", "_refused", "cast"):
            return  # a message
        if isinstance(node.func, ast.Name) and name in NAMES:
            self._replace(node.func, NAMES[name], f"{name}/{NAMES[name]}")
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg != "timeout":  # no verdict by speed
            self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """A text for people, nearly always."""

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._replace(node, str(not node.value), "constant")
        elif isinstance(node.value, (int, float)):
            self._replace(node, str(node.value + 1), "constant")
        elif isinstance(node.value, str) and node.value and " " not in node.value:
            self._replace(node, repr("XX" + node.value), "constant")
        elif isinstance(node.value, bytes) and node.value:
            self._replace(node, repr(b"XX" + node.value), "constant")
