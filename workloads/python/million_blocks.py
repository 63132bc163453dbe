"""At least a million blocks of every size class and beyond, in waves that fill arenas and drain them.

    python3 million_blocks.py [SIZE]           SIZE waves, default 1: each makes over a million blocks

What it does to memory: ramps of about twenty MiB, drains that leave scattered survivors, lists and
dictionaries that grow past the small limit, strings of all small sizes, and large buffers.
"""
import sys


class Node(object):
    __slots__ = ("value", "next")

    def __init__(self, value, next_node):
        self.value = value
        self.next = next_node


def chain(length):
    node = None
    for i in range(length):
        node = Node(float(i), node)
    return node


def unchain(node):
    """Takes the chain apart from its head, without recursion; the sum of its values."""
    total = 0.0
    while node is not None:
        total += node.value
        node = node.next
    return total


def strings_of_all_sizes(count):
    return [("%d:" % i) + "x" * (i * 37 % 700) for i in range(count)]


def tree(depth):
    return (depth, tree(depth - 1), [tree(depth - 2)]) if depth > 1 else {"leaf": depth, "pair": (depth, -depth)}


def leaves(node):
    if isinstance(node, dict):
        return 1
    return leaves(node[1]) + leaves(node[2][0])


def wave(number, survivors):
    """One ramp and one drain; the checksum of what was built."""
    checksum = 0
    texts = strings_of_all_sizes(40000)
    checksum += sum(len(text) for text in texts)
    survivors.append(texts[number % 97 :: 97])
    del texts[::2]

    table = {}
    for i in range(60000):
        table["key%d" % (i * 7919 % 60013)] = (i, float(i), [i])
    for key in list(table)[::3]:
        del table[key]
    checksum += sum(len(entry) for entry in table.values())
    del texts

    checksum += int(unchain(chain(150000))) % 1000003
    checksum += leaves(tree(21))
    table.clear()

    buffers = [bytearray(1 << (i % 18)) for i in range(360)]
    for buffer in buffers:
        buffer.extend(b"0123456789" * 30)
    checksum += sum(len(buffer) for buffer in buffers)

    parts = [str(i).zfill(i % 60) for i in range(100000)]
    parts.sort(key=lambda text: (len(text), text))
    checksum += len("".join(parts))
    numbers = [i * i * 1000003 for i in range(150000)]
    checksum += sum(numbers[::-7]) % 1000003
    return checksum


def main(size):
    survivors = []
    checksum = 0
    for number in range(size):
        checksum = (checksum * 31 + wave(number, survivors)) % 1000000007
        del survivors[:-3]
    print("%d waves, %d survivors, checksum %d" % (size, sum(map(len, survivors)), checksum))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
