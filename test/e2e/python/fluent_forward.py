# Copyright The otelcol-guardian Authors
# SPDX-License-Identifier: Apache-2.0
"""Sends records to a Fluentd forward input, one acknowledged chunk after the other.

usage: fluent_forward.py HOST PORT TAG [--no-ack]     records as JSON lines on standard input

Prints the number of records that were acknowledged (sent, with --no-ack). The public client never asks for an
acknowledgement; the sender below adds the protocol's "chunk" option and waits for its answer. Exits with 1 at the first
record that is not acknowledged within ten seconds: the records before it are.
"""

import json
import os
import sys

import msgpack
from fluent import sender

ACK_TIMEOUT_SECONDS = 10


class AcknowledgedSender(sender.FluentSender):
    """A FluentSender that returns from each record only when the other side has it."""

    def _make_packet(self, label, timestamp, data):
        self._chunk = os.urandom(16).hex()
        tag = self.tag if label is None else f"{self.tag}.{label}"
        return msgpack.packb((tag, [(timestamp, data)], {"chunk": self._chunk}))

    def _send_data(self, bytes_):
        super()._send_data(bytes_)
        self.socket.settimeout(ACK_TIMEOUT_SECONDS)
        unpacker = msgpack.Unpacker()
        while True:
            received = self.socket.recv(4096)
            if not received:
                raise ConnectionError("closed before the acknowledgement")
            unpacker.feed(received)
            for answer in unpacker:
                if answer.get("ack") == self._chunk:
                    return

    def _check_recv_side(self):
        """The public client drops the connection when there is something to read: here it is read by _send_data."""


def main():
    host, port, tag = sys.argv[1:4]
    kind = sender.FluentSender if "--no-ack" in sys.argv[4:] else AcknowledgedSender
    client = kind(tag, host=host, port=int(port), timeout=ACK_TIMEOUT_SECONDS, nanosecond_precision=True)
    count = 0
    for line in sys.stdin:
        if not client.emit(None, json.loads(line)):
            print(f"record {count + 1}: {client.last_error}", file=sys.stderr)
            break
        count += 1
    failed = client.last_error is not None
    client.close()
    print(count)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
