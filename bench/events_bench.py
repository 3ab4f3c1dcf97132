#!/usr/bin/env python3
"""Events to many WebSockets: processor time a delivered message beside a bare loop of send(), and memory a socket."""
import base64
import os
import re
import resource
import selectors
import socket
import subprocess
import sys
import threading

from harness import Corral, Row, Wrong, cpu_seconds, end, free_port, parser, process_tree, report, say, scratch, until


class Readers:
    """Many connections that are read as fast as possible; counts lines and bytes of each."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.lines, self.bytes, self.sockets = [], [], []
        self.stopping = False
        self.thread = None

    def add(self, connection):
        connection.setblocking(False)
        self.selector.register(connection, selectors.EVENT_READ, len(self.sockets))
        self.sockets.append(connection)
        self.lines.append(0)
        self.bytes.append(0)

    def start(self):
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while not self.stopping:
            for key, _ in self.selector.select(0.2):
                data = key.fileobj.recv(1 << 16)
                if not data:
                    self.selector.unregister(key.fileobj)
                    self.lines[key.data] = -1
                self.lines[key.data] += data.count(b"\n")
                self.bytes[key.data] += len(data)

    def close(self):
        self.stopping = True
        if self.thread:
            self.thread.join()
        for one in self.sockets:
            one.close()


def subscribe(port, token):
    """One subscriber of machines' events, past its greeting."""
    connection = socket.create_connection(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall((f"GET /api/v1/ws/subscribe?event_types=pdfm HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\n"
                        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                        f"Authorization: Bearer {token}\r\n\r\n").encode())
    seen = b""
    while b"\r\n\r\n" not in seen or not seen.endswith(b"\n") or seen.endswith(b"\r\n"):
        data = connection.recv(1 << 16)
        if not data:
            raise Wrong(f"No socket: {seen[:200]}")
        seen += data
    if b" 101 " not in seen[:20]:
        raise Wrong(f"No socket: {seen[:200]}")
    return connection


def resident(root):
    """Of the whole tree: the server proper is the child of the process that watches it."""
    return sum(int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) * 1024
               for pid in process_tree(root))


def machine(server, folder):
    (folder / "disk.raw").write_bytes(b"corral" * 20_000)
    server.cli("login", server.url)
    server.cli("push", str(folder / "disk.raw"), "bench:1.0")
    return server.post("/machines", {"name": "told", "start_on_create": True,
                                     "catalog_manifest": {"catalog_id": "bench", "version": "1.0"}})["id"]


def ours(server, readers, told, changes):
    pids = process_tree(server.process.pid)
    lines, size, used = readers.lines[0], sum(readers.bytes), cpu_seconds(pids)
    for n in range(changes):
        server.call("PUT", f"/machines/{told}/{'pause' if n % 2 == 0 else 'resume'}")

    def all_there():
        first = readers.lines[0]
        return first >= lines + changes and all(n == first for n in readers.lines)

    until(all_there, "every socket has every event", 120)
    messages = readers.lines[0] - lines
    delivered = messages * len(readers.lines)
    return {"messages": messages, "size": (sum(readers.bytes) - size) // delivered,
            "cpu": (cpu_seconds(pids) - used) / delivered * 1e6}


def peer(process, readers, messages, size):
    before, used = readers.lines[0], cpu_seconds([process.pid])
    process.stdin.write(f"{messages} {size}\n")
    process.stdin.flush()
    if process.stdout.readline() != "done\n":
        raise Wrong("The peer did not send")
    until(lambda: all(n == before + messages for n in readers.lines), "every socket has what the peer sent", 120)
    return (cpu_seconds([process.pid]) - used) / (messages * len(readers.lines)) * 1e6


def memory_a_socket(options, folder):
    """On a fresh server, which has no freed memory to take from; the first sockets do not count either."""
    folder.mkdir()
    first = options.sockets // 4
    with Corral(options.build, folder, HYPERVISOR="fake", LOG_LEVEL="warn") as server:
        port = int(server.url.rsplit(":", 1)[1])
        sockets = [subscribe(port, server.token) for _ in range(first)]
        before = resident(server.process.pid)
        sockets += [subscribe(port, server.token) for _ in range(options.sockets)]
        grown = resident(server.process.pid) - before
        for one in sockets:
            one.close()
    return grown / options.sockets / 1000


def measure(options, folder):
    count = options.sockets
    memory = memory_a_socket(options, folder / "fresh")
    with Corral(options.build, folder, HYPERVISOR="fake", LOG_LEVEL="warn") as server:
        told = machine(server, folder)
        port = int(server.url.rsplit(":", 1)[1])
        mine, theirs = Readers(), Readers()
        door = free_port()
        process = subprocess.Popen([options.build / "fanout_peer", str(door), str(count)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        try:
            for _ in range(count):
                mine.add(subscribe(port, server.token))

            def connected():
                try:
                    return socket.create_connection(("127.0.0.1", door))
                except ConnectionRefusedError:
                    return None

            theirs.add(until(connected, "the peer listens"))
            for _ in range(count - 1):
                theirs.add(socket.create_connection(("127.0.0.1", door)))
            if process.stdout.readline() != "ready\n":
                raise Wrong("The peer is not ready")
            mine.start()
            theirs.start()
            rounds, bare = [], []
            for n in range(options.rounds):
                say(f"events: round {n + 1} of {options.rounds}")
                rounds.append(ours(server, mine, told, options.changes))
                bare.append(peer(process, theirs, rounds[-1]["messages"], rounds[-1]["size"]))
        finally:
            mine.close()
            theirs.close()
            end(process)
    title = f"an event of {rounds[0]['size']} bytes to {count} sockets"
    return [Row(title, "us CPU a message", [r["cpu"] for r in rounds], bare, "<= 2.5", "loop of send()"),
            Row(f"{count} sockets", "kB of memory a socket", [memory], [], "<= 12 ours")]


def main():
    arguments = parser(__doc__, 5)
    arguments.add_argument("--sockets", type=int, default=2000, help="subscribers (default 2000)")
    arguments.add_argument("--changes", type=int, default=50, help="changes of a machine a round (default 50)")
    options = arguments.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the server inherits it
    with scratch() as folder:
        report("events", measure(options, folder), options.json)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"events: {wrong}")
