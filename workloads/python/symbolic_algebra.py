"""Symbols and fractions: expressions are differentiated, simplified, multiplied out and evaluated.

    python3 symbolic_algebra.py [SIZE]         SIZE times 60 expressions, default 1

What it does to memory: immutable tuples and small numbers by the million, most of which die as soon
as the next step has used them, beside a table of results that grows.
"""
import fractions
import sys


def derivative(node):
    kind = node[0]
    if kind == "number":
        return ("number", 0)
    if kind == "x":
        return ("number", 1)
    left, right = node[1], node[2]
    if kind == "+":
        return ("+", derivative(left), derivative(right))
    return ("+", ("*", derivative(left), right), ("*", left, derivative(right)))


def simplified(node):
    if node[0] in ("number", "x"):
        return node
    kind, left, right = node[0], simplified(node[1]), simplified(node[2])
    if left[0] == right[0] == "number":
        return ("number", left[1] + right[1] if kind == "+" else left[1] * right[1])
    if kind == "+":
        if left == ("number", 0):
            return right
        return left if right == ("number", 0) else (kind, left, right)
    if ("number", 0) in (left, right):
        return ("number", 0)
    if left == ("number", 1):
        return right
    return left if right == ("number", 1) else (kind, left, right)


def polynomial(node):
    """The expression multiplied out: {power: coefficient}."""
    kind = node[0]
    if kind == "number":
        return {0: fractions.Fraction(node[1])}
    if kind == "x":
        return {1: fractions.Fraction(1)}
    left, right = polynomial(node[1]), polynomial(node[2])
    result = {}
    if kind == "+":
        for power in set(left) | set(right):
            result[power] = left.get(power, 0) + right.get(power, 0)
    else:
        for i, a in left.items():
            for j, b in right.items():
                result[i + j] = result.get(i + j, 0) + a * b
    return {power: value for power, value in result.items() if value}


def expression(number, depth):
    if depth == 0:
        return ("x", ) if number % 3 else ("number", number % 7 + 1)
    kind = "*" if (number + depth) % 4 == 0 else "+"
    return (kind, expression(number * 5 + 1, depth - 1), expression(number * 3 + 2, depth - 1))


def main():
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    table = {}
    for number in range(60 * size):
        node = expression(number, 6)
        for order in range(3):
            node = simplified(derivative(node))
            terms = polynomial(node)
            at = fractions.Fraction(number % 11 + 1, number % 5 + 2)
            table[number, order] = sum(value * at**power for power, value in terms.items())
    total = sum(table.values())
    print(len(table), total.numerator % 1000003, total.denominator % 1000003)


main()
