"""JSON: documents are made, written, read again and compared.

    python3 json_documents.py [SIZE]           SIZE thousand documents, default 1

What it does to memory: one long string and the tree of small objects it stands for, again and
again, with keys shared between documents.
"""
import json
import sys


def document(number):
    return {
        "id": number,
        "name": "document {}".format(number),
        "price": number / 7,
        "tags": ["tag{}".format(number % k) for k in range(2, 9)],
        "parts": [{"part": i, "weight": i * number % 1001, "note": "n" * (i * 13 % 90)}
                  for i in range(number % 12)],
        "parent": None if number % 5 == 0 else {"id": number - 1, "known": number % 2 == 0},
    }


def main():
    thousands = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    weight = 0
    for batch in range(thousands * 10):
        documents = [document(batch * 100 + i) for i in range(100)]
        text = json.dumps(documents, indent=1 if batch % 2 else None, sort_keys=True)
        again = json.loads(text)
        if again != documents:
            raise SystemExit("JSON came back changed")
        weight += sum(part["weight"] for entry in again for part in entry["parts"])
    print("{} documents, weight {}".format(thousands * 1000, weight))


main()
