#!/usr/bin/env python3
"""Drives a context of `ioasis serve --socket PATH`: python3 client.py PATH CONTEXT

Each answer comes once its events are durable, so a VMM that waits for it may act on it.
"""

import json
import socket
import sys


class Context:
    def __init__(self, path, name, create=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\n")
        first = {"context": name, "actor": "client.py"}
        if create is not None:
            first["create"] = create
        self.opened = self.ask(first)

    def ask(self, line):
        self.socket.sendall(json.dumps(line).encode() + b"\n")
        text = self.lines.readline()
        if text == "":
            raise ConnectionError("the service ended the conversation")
        answer = json.loads(text)
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer

    def call(self, command, **fields):
        return self.ask({"command": command, **fields})


def main(path, name):
    vm = Context(path, name, create={"profile": "iommufd"})
    vm.call("AllocIoas")
    page = {"ioas": "ioas0", "iova": "0x10000", "length": "0x1000"}
    mapped = vm.call("MapIova", prot="rw", userVa="0x7f0000000000", **page)
    again = vm.call("MapIova", prot="rw", userVa="0x7f0000000000", **page)
    unmapped = vm.call("UnmapIova", **page)
    for what, answer in (("mapped", mapped), ("mapped again", again), ("unmapped", unmapped)):
        print(f"{what}: version {answer['version']}, {answer['errno'] or 'done'}")


if __name__ == "__main__":
    main(*sys.argv[1:])
