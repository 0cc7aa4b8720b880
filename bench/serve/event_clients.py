"""event_clients.py URL CLIENTS SECONDS READY_FILE: follows /api/v1/events with many connections and tells whether all
of them saw the same unbroken ids, and how long a close takes from the first client to the last."""
import json
import re
import selectors
import socket
import sys
import time
from urllib.parse import urlparse

url, count, seconds, ready = urlparse(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
event, close_end = b"\nevent: ", b"\nevent: health\n"  # the last event of a close
number = re.compile(rb"id: [0-9a-f]+-(\d+)\n")
poll = selectors.DefaultSelector()
clients = []


class Client:
    def __init__(self):
        self.socket = socket.create_connection((url.hostname, url.port))
        self.socket.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.tail, self.first, self.last, self.seen, self.closes, self.broken = b"", None, None, 0, 0, False

    def read(self, now, closes):
        data = self.socket.recv(1 << 20)
        if not data:
            self.broken = True
            poll.unregister(self.socket)
            return
        text = self.tail + data
        if self.first is None and (found := number.search(text)):
            self.first = int(found.group(1))  # stands for what came before
        self.seen += text.count(event) - self.tail.count(event)
        ended = text.count(close_end) - self.tail.count(close_end)
        if ended:
            self.closes += ended
            at = text.rindex(close_end)
            self.last = int(number.findall(text[max(0, at - 48):at + 1])[-1])
            closes.setdefault(self.last, []).append(now)
        self.tail = text[-64:]


for _ in range(count):
    clients.append(Client())
    poll.register(clients[-1].socket, selectors.EVENT_READ, clients[-1])
open(ready, "w").close()
closes = {}
end = time.monotonic() + seconds
while time.monotonic() < end:
    for key, _ in poll.select(0.1):
        key.data.read(time.monotonic(), closes)
numbers = sorted(closes)
whole = [n for n in numbers if len(closes[n]) == count][1:]  # the first may have come before everybody was there
spreads = sorted(1000 * (max(closes[n]) - min(closes[n])) for n in whole)
newest = max((c.last or 0) for c in clients)
complete = sum(not c.broken and c.last == newest and c.seen >= newest - c.first for c in clients)
print(json.dumps({
    "clients": count, "complete": complete, "closes": len(whole),
    "per_close": whole[1] - whole[0] if len(whole) > 1 else 0,
    "spread_p99_ms": round(spreads[min(len(spreads) - 1, int(0.99 * len(spreads)))], 1) if spreads else None}))
