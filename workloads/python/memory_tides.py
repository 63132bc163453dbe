"""Tides: memory is filled with small blocks and emptied again, several times.

    python3 memory_tides.py [SIZE]             SIZE times 64 MiB at high water, default 1

What it does to memory: arenas by the hundred are asked for and given back, emptied in order, in
reverse, and in an order that leaves every arena a little used until late.
"""
import sys

BLOCK = 400
BLOCKS_IN_64_MIB = 64 * 1024 * 1024 // 512


def main():
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    count = BLOCKS_IN_64_MIB * size
    total = 0
    for tide in range(4):
        blocks = [bytes(BLOCK + i % 60) for i in range(count)]
        total += sum(len(blocks[i]) for i in range(0, count, 1000))
        if tide == 1:
            blocks.reverse()
        if tide >= 2:
            for stride in (64, 8, 2):
                for i in range(0, count, stride):
                    blocks[i] = None
        while blocks:
            blocks.pop()
    print("{} blocks, {} bytes sampled".format(4 * count, total))


main()
