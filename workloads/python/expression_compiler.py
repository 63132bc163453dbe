"""A small compiler: source text to tokens, tokens to a tree, tree to stack code, code to numbers.

    python3 expression_compiler.py [SIZE]      SIZE times 750 functions, default 1

What it does to memory: a parse tree of small objects with dictionaries and lists that lives until its
module is compiled, tokens that die at once, code objects that stay.
"""
import re
import sys

TOKEN = re.compile(r"\s*(?:(\d+)|([a-z_]\w*)|(.))")


class Number(object):
    def __init__(self, value):
        self.value = value

    def fold(self):
        return self

    def emit(self, code):
        code.append(("push", self.value))


class Name(object):
    def __init__(self, name):
        self.name = name

    def fold(self):
        return self

    def emit(self, code):
        code.append(("load", self.name))


class Binary(object):
    def __init__(self, operator, left, right):
        self.operator = operator
        self.left = left
        self.right = right

    def fold(self):
        left, right = self.left.fold(), self.right.fold()
        if isinstance(left, Number) and isinstance(right, Number):
            return Number(OPERATORS[self.operator](left.value, right.value))
        return Binary(self.operator, left, right)

    def emit(self, code):
        self.left.emit(code)
        self.right.emit(code)
        code.append(("apply", self.operator))


class Function(object):
    def __init__(self, name, parameters, body):
        self.name = name
        self.parameters = parameters
        self.body = body


MODULUS = 1000003
OPERATORS = {
    "+": lambda a, b: (a + b) % MODULUS,
    "-": lambda a, b: (a - b) % MODULUS,
    "*": lambda a, b: (a * b) % MODULUS,
}
PRECEDENCE = {"+": 1, "-": 1, "*": 2}


class Parser(object):
    def __init__(self, source):
        self.tokens = [match.group(match.lastindex) for match in TOKEN.finditer(source.rstrip())]
        self.position = 0

    def peek(self):
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self, expected=None):
        token = self.peek()
        if expected is not None and token != expected:
            raise SyntaxError("wanted %r, found %r" % (expected, token))
        self.position += 1
        return token

    def function(self):
        self.take("def")
        name = self.take()
        self.take("(")
        parameters = [self.take()]
        while self.peek() == ",":
            self.take()
            parameters.append(self.take())
        self.take(")")
        self.take("=")
        body = self.expression(0)
        self.take(";")
        return Function(name, parameters, body)

    def expression(self, lowest):
        left = self.atom()
        while PRECEDENCE.get(self.peek(), 0) > lowest:
            operator = self.take()
            left = Binary(operator, left, self.expression(PRECEDENCE[operator]))
        return left

    def atom(self):
        token = self.take()
        if token == "(":
            inner = self.expression(0)
            self.take(")")
            return inner
        return Number(int(token)) if token.isdigit() else Name(token)

    def module(self):
        functions = []
        while self.peek() is not None:
            functions.append(self.function())
        return functions


def random_numbers(seed):
    state = seed
    while True:
        state = (state * 1103515245 + 12345) % 2147483648
        yield state >> 8


def write_expression(numbers, parameters, depth):
    choice = next(numbers) % 8
    if depth == 0 or choice == 0:
        if next(numbers) % 2:
            return str(next(numbers) % 1000)
        return parameters[next(numbers) % len(parameters)]
    operator = "+-*"[next(numbers) % 3]
    left = write_expression(numbers, parameters, depth - 1)
    right = write_expression(numbers, parameters, depth - 1)
    return "(%s %s %s)" % (left, operator, right) if choice % 2 else "%s %s %s" % (left, operator, right)


def write_module(numbers, index, functions):
    lines = []
    for i in range(functions):
        parameters = ["p%d" % j for j in range(1 + next(numbers) % 4)]
        body = write_expression(numbers, parameters, 5)
        lines.append("def f%d_%d(%s) = %s;" % (index, i, ", ".join(parameters), body))
    return "\n".join(lines)


def compile_module(source):
    compiled = {}
    for function in Parser(source).module():
        code = []
        function.body.fold().emit(code)
        compiled[function.name] = (tuple(function.parameters), tuple(code))
    return compiled


def run(code, variables):
    stack = []
    for operation, operand in code:
        if operation == "push":
            stack.append(operand)
        elif operation == "load":
            stack.append(variables[operand])
        else:
            right = stack.pop()
            stack.append(OPERATORS[operand](stack.pop(), right))
    return stack[0]


def main(size):
    numbers = random_numbers(20)
    program = {}
    for index in range(10):
        program.update(compile_module(write_module(numbers, index, 75 * size)))
    total = 0
    instructions = 0
    for parameters, code in program.values():
        variables = {name: 3 * i + 7 for i, name in enumerate(parameters)}
        total = (total + run(code, variables)) % MODULUS
        instructions += len(code)
    print("%d functions, %d instructions, checksum %d" % (len(program), instructions, total))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
