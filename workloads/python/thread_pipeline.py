"""Four threads in a pipeline: lines are made, parsed, grouped and summed, through queues.

    python3 thread_pipeline.py [SIZE]          SIZE thousand batches of ten lines, default 1

What it does to memory: nearly every block is freed by another thread than the one that made it. The
result is always the same; the order of the requests is not.
"""
import queue
import sys
import threading


def make(batches, output):
    for batch in range(batches):
        lines = ["%d,item%d,%d" % (i, (batch * 31 + i * 7) % 1009, batch * i % 97) for i in range(10)]
        output.put(lines)
    output.put(None)


def parse(source, output):
    while True:
        lines = source.get()
        if lines is None:
            break
        records = []
        for line in lines:
            number, name, amount = line.split(",")
            records.append({"number": int(number), "name": name, "amount": float(amount)})
        output.put(records)
    output.put(None)


def group(source, output):
    names = {}
    while True:
        records = source.get()
        if records is None:
            break
        for record in records:
            names.setdefault(record["name"], []).append(record["amount"])
        if len(names) > 900:
            output.put(names)
            names = {}
    output.put(names)
    output.put(None)


def total(source, result):
    while True:
        names = source.get()
        if names is None:
            break
        for name in sorted(names):
            amounts = names[name]
            result["amount"] += sum(amounts)
            result["records"] += len(amounts)
            result["groups"].append({"name": name, "mean": sum(amounts) / len(amounts)})


def main(size):
    queues = [queue.Queue(maxsize=100) for _ in range(3)]
    result = {"amount": 0.0, "records": 0, "groups": []}
    threads = [
        threading.Thread(target=make, args=(1000 * size, queues[0])),
        threading.Thread(target=parse, args=(queues[0], queues[1])),
        threading.Thread(target=group, args=(queues[1], queues[2])),
        threading.Thread(target=total, args=(queues[2], result)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("%d records in %d groups, amount %.1f" % (result["records"], len(result["groups"]), result["amount"]))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
