"""A server without a network: an asyncio loop whose handlers parse JSON, look things up in sessions
and a cache with a limit, and answer with JSON.

    python3 request_server.py [SIZE]           SIZE thousand requests, default 1

What it does to memory: garbage that lives as long as its request, many requests at a time, beside
sessions that stay and a cache whose oldest entries go.
"""
import asyncio
import collections
import json
import sys

WORKERS = 16
CACHE_ENTRIES = 1500


class Store(object):
    def __init__(self):
        self.cache = collections.OrderedDict()
        self.sessions = {}
        self.hits = 0

    def session(self, user):
        if user not in self.sessions:
            self.sessions[user] = {"user": user, "visits": 0, "history": []}
        return self.sessions[user]

    def article(self, number):
        if number in self.cache:
            self.hits += 1
            self.cache.move_to_end(number)
            return self.cache[number]
        words = ["word%d" % (number * k % 997) for k in range(1, 30 + number % 60)]
        article = {"id": number, "title": " ".join(words[:4]), "words": words, "tags": [w[-2:] for w in words[:8]]}
        self.cache[number] = article
        if len(self.cache) > CACHE_ENTRIES:
            self.cache.popitem(last=False)
        return article


async def handle(store, text):
    request = json.loads(text)
    session = store.session(request["user"])
    session["visits"] += 1
    session["history"].append(request["path"])
    del session["history"][:-20]
    await asyncio.sleep(0)
    numbers = [int(part) for part in request["path"].split("/") if part.isdigit()]
    articles = [store.article(number) for number in numbers]
    await asyncio.sleep(0)
    body = {
        "user": request["user"],
        "visits": session["visits"],
        "articles": [{"title": a["title"], "length": len(a["words"]), "tags": sorted(a["tags"])} for a in articles],
        "headers": {key.lower(): value for key, value in request["headers"].items()},
    }
    return json.dumps(body, sort_keys=True)


async def work(store, queue, answers):
    while True:
        text = await queue.get()
        if text is None:
            return
        answer = await handle(store, text)
        answers.append((len(answer), sum(answer.encode()) % 65521))


async def serve(requests):
    store, queue, answers = Store(), asyncio.Queue(maxsize=64), []
    workers = [asyncio.ensure_future(work(store, queue, answers)) for _ in range(WORKERS)]
    state = 1
    for number in range(requests):
        state = (state * 1103515245 + 12345) % 2147483648
        first, second = (state >> 8) % 4000, (state >> 12) % 4000
        request = {
            "path": "/articles/%d/related/%d/" % (first, second),
            "user": "user%d" % ((state >> 16) % 800),
            "headers": {"Accept": "application/json", "X-Request": str(number), "Cookie": "c" * (state % 200)},
        }
        await queue.put(json.dumps(request))
    for _ in workers:
        await queue.put(None)
    await asyncio.gather(*workers)
    return store, answers


def main(size):
    loop = asyncio.new_event_loop()
    try:
        store, answers = loop.run_until_complete(serve(1000 * size))
    finally:
        loop.close()
    checksum = sum(number for _, number in answers) % 1000003
    print(
        "%d answers of %d characters, %d cache hits, %d sessions, checksum %d"
        % (len(answers), sum(length for length, _ in answers), store.hits, len(store.sessions), checksum)
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
