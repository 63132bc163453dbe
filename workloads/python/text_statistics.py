"""Statistics of a made-up corpus: word and pair counts, an inverted index, cosine similarities.

    python3 text_statistics.py [SIZE]          SIZE hundred documents, default 1

What it does to memory: dictionaries that grow while strings and floats come and go, vectors of
floats, long integers, one large text split into many small pieces.
"""
import collections
import math
import sys

SYLLABLES = "ba co di fu ga he jo ki lu mo na pe ri so tu va we xi yo zu".split()


def words(count, seed):
    """Words whose frequencies fall off as in natural text."""
    state = seed
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2147483648
        rank = int(math.exp((state >> 8) % 100000 / 100000.0 * 8.5))
        text = ""
        while True:
            text += SYLLABLES[rank % 20]
            rank //= 20
            if rank == 0:
                break
        yield text


def vectors(documents):
    """A normalised TF-IDF vector for each document."""
    containing = collections.Counter()
    counts = []
    for text in documents:
        count = collections.Counter(text.split())
        counts.append(count)
        containing.update(count.keys())
    for count in counts:
        vector = {word: n * math.log(len(documents) / containing[word]) for word, n in count.items()}
        norm = math.sqrt(math.fsum(value * value for value in vector.values())) or 1.0
        yield {word: value / norm for word, value in vector.items()}


def inverted_index(documents):
    index = {}
    for number, text in enumerate(documents):
        for position, word in enumerate(text.split()):
            index.setdefault(word, []).append((number, position))
    return index


def nearest(weights):
    """For every document the most similar of the next ten."""
    pairs = []
    for i, one in enumerate(weights):
        similar = []
        for j in range(i + 1, min(i + 11, len(weights))):
            other = weights[j]
            similar.append((math.fsum(value * other.get(word, 0.0) for word, value in one.items()), j))
        if similar:
            pairs.append(max(similar))
    return pairs


def fingerprint(documents):
    """A long integer that every document is folded into."""
    value = 1
    for text in documents:
        value = (value * int.from_bytes(text[:60].encode(), "big") + len(text)) % (1 << 2203)
    return value % 1000003


def main(size):
    documents = [" ".join(words(120 + 7 * (i % 13), i + 1)) for i in range(100 * size)]
    index = inverted_index(documents)
    pairs = collections.Counter()
    for text in documents:
        split = text.split()
        pairs.update(zip(split, split[1:]))
    weights = list(vectors(documents))
    closest = nearest(weights)
    print(
        "%d words, %d pairs, %.6f mean similarity, longest list %d, fingerprint %d"
        % (
            len(index),
            len(pairs),
            math.fsum(similarity for similarity, _ in closest) / len(closest),
            max(len(places) for places in index.values()),
            fingerprint(documents),
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
