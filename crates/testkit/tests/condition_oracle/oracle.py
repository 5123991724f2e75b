"""Answers conditions as CPython does: one JSON object a line in, one out.

`plain` is what `eval` says of the whole expression. `strict` is what a walk over Python's own syntax tree
says that takes the language of conditions only, and booleans only in `and`, `or` and `not`; every operation
on values is still Python's. Both are "True", "False", or why there is no bool. One thing is not Python's:
`a.b` that is not called is read as `a["b"]`, because conditions read keys of maps so.
"""

import ast
import io
import json
import operator
import re
import sys
import tokenize
import warnings

# What later Pythons refuse and this one only frowns at: `1or 2`, `"\q"`.
warnings.filterwarnings("error", message="invalid .* literal")
warnings.filterwarnings("error", message="invalid (decimal|octal|hexadecimal|binary|escape).*")
warnings.filterwarnings("ignore", message='"is".* with .*literal')
warnings.filterwarnings("ignore", message=".*is not (callable|subscriptable).*")
warnings.filterwarnings("ignore", message=".*indices must be integers.*")

METHODS = {"get": (1, 2), "lower": (0, 0), "upper": (0, 0), "strip": (0, 0), "startswith": (1, 1), "endswith": (1, 1)}
TEXT_METHODS = {"lower", "upper", "strip", "startswith", "endswith"}
COMPARE = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b, ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class Outside(Exception):
    """Not in the language of conditions."""


class KeysForAttributes(ast.NodeTransformer):
    def visit_Call(self, node):
        if isinstance(node.func, ast.Attribute):
            node.func.value = self.visit(node.func.value)
        else:
            node.func = self.visit(node.func)
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def visit_Attribute(self, node):
        key = ast.copy_location(ast.Constant(node.attr), node)
        return ast.copy_location(ast.Subscript(self.visit(node.value), key, node.ctx), node)


ESCAPE = re.compile(r"""\\(?:[ntr\\'"]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})""")


def check_spelling(text):
    """Raises Outside if the text is spelt in a way that conditions do not have; the tree no longer shows it."""
    before = None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NL, tokenize.NEWLINE):
            continue
        if token.type == tokenize.COMMENT or "\\\n" in text or "\f" in text:
            raise Outside("spelling")
        if token.type == tokenize.STRING:
            plain = token.string[0] in "'\"" and token.string[:3] not in ("'''", '"""')
            control = re.search("[\x00-\x08\x0a-\x1f\x7f-\x9f]", token.string)
            if before == tokenize.STRING or not plain or control or "\\" in ESCAPE.sub("", token.string):
                raise Outside("text")
        if token.type == tokenize.NUMBER and re.search("[xXoObBjJ]", token.string):
            raise Outside("number")
        before = token.type


def check_shape(tree):
    """Raises Outside if the expression has a part that conditions do not have."""
    for node in ast.walk(tree):
        match node:
            case ast.Expression() | ast.BoolOp() | ast.And() | ast.Or() | ast.Not() | ast.USub() | ast.UAdd():
                pass
            case ast.UnaryOp() | ast.Compare() | ast.cmpop() | ast.Load() | ast.List() | ast.Tuple():
                pass
            case ast.Subscript(slice=ast.Slice()):
                raise Outside("slice")
            case ast.Subscript(slice=ast.Tuple(elts=[first, *_]) as key) if first.col_offset == key.col_offset:
                raise Outside("tuple without brackets")
            case ast.Subscript():
                pass
            case ast.Name(id=name):
                if re.fullmatch("__.*__", name) or not name.isascii():
                    raise Outside("name")
            case ast.Constant(value=value):
                check_constant(value)
            case ast.Call(func=ast.Name(id="len"), args=[argument], keywords=[]) if not isinstance(argument, ast.Starred):
                pass
            case ast.Call(func=ast.Attribute(attr=method), args=arguments, keywords=[]) if method in METHODS:
                least, most = METHODS[method]
                if not least <= len(arguments) <= most:
                    raise Outside("arguments")
            case ast.Attribute(attr=key):
                if re.fullmatch("__.*__", key) or not key.isascii():
                    raise Outside("key")
            case _:
                raise Outside(type(node).__name__)
        if isinstance(node, ast.Compare):
            for relation, right in zip(node.ops, node.comparators):
                named = isinstance(right, ast.Constant) and (right.value is None or isinstance(right.value, bool))
                if isinstance(relation, (ast.Is, ast.IsNot)) and not named:
                    raise Outside("is")


def check_constant(value):
    if isinstance(value, int) and value >= 2**64:
        raise Outside("large integer")
    if isinstance(value, float) and value == float("inf"):
        raise Outside("large float")
    if not (value is None or isinstance(value, (bool, int, float, str))):
        raise Outside("literal")
    if isinstance(value, str) and any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise Outside("surrogate")


def truth(value):
    if not isinstance(value, bool):
        raise Outside("truth of a " + type(value).__name__)
    return value


def walk(node, scope):
    match node:
        case ast.Expression(body=body):
            return walk(body, scope)
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            if name not in scope:
                raise NameError(name)
            return scope[name]
        case ast.BoolOp(op=op, values=values):
            end = isinstance(op, ast.Or)
            for value in values:
                if truth(walk(value, scope)) is end:
                    return end
            return not end
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not truth(walk(operand, scope))
        case ast.UnaryOp(op=op, operand=operand):
            value = walk(operand, scope)
            return -value if isinstance(op, ast.USub) else +value
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return walk_compare(walk(left, scope), ops, comparators, scope)
        case ast.List(elts=items):
            return [walk(item, scope) for item in items]
        case ast.Tuple(elts=items):
            return tuple(walk(item, scope) for item in items)
        case ast.Subscript(value=value, slice=key):
            return walk(value, scope)[walk(key, scope)]
        case ast.Call(func=ast.Name(), args=[argument]):
            return len(walk(argument, scope))
        case ast.Call(func=ast.Attribute(value=on, attr=method), args=arguments):
            on = walk(on, scope)
            arguments = [walk(argument, scope) for argument in arguments]
            if method in ("startswith", "endswith") and isinstance(arguments[0], tuple):
                raise Outside("tuple of texts")
            if not isinstance(on, str if method in TEXT_METHODS else dict):
                raise AttributeError(method)
            return getattr(on, method)(*arguments)
    raise Outside(type(node).__name__)


def walk_compare(left, ops, comparators, scope):
    for op, comparator in zip(ops, comparators):
        right = walk(comparator, scope)
        if isinstance(op, ORDER) and isinstance(left, (list, tuple)):
            raise Outside("order of lists")
        if not COMPARE[type(op)](left, right):
            return False
        left = right
    return True


def verdict(answer):
    try:
        value = answer()
    except Outside as outside:
        return f"outside: {outside}"
    except Exception as error:
        return f"raised: {type(error).__name__}"
    return str(value) if isinstance(value, bool) else f"not a bool: {type(value).__name__}"


def answer(case):
    try:
        tree = ast.parse(case["text"].strip(" \t\r\n"), mode="eval")
    except Exception as error:
        return {"plain": f"raised: {type(error).__name__}", "strict": f"raised: {type(error).__name__}"}
    try:
        check_shape(tree)
        check_spelling(case["text"].strip(" \t\r\n"))
    except Outside as outside:
        # Not even tried: nobody knows what it would do.
        return {"plain": f"outside: {outside}", "strict": f"outside: {outside}"}
    tree = ast.fix_missing_locations(KeysForAttributes().visit(tree))
    scope = case["scope"]

    def plain():
        return eval(compile(tree, "condition", "eval"), {"__builtins__": {"len": len}}, dict(scope))

    return {"plain": verdict(plain), "strict": verdict(lambda: walk(tree, scope))}


def main():
    for line in open(sys.argv[1], encoding="utf-8"):
        print(json.dumps(answer(json.loads(line))))


main()
