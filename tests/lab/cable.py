# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bad cable between two network devices: each frame is late, and some are lost, as `tc netem` makes it, which not every kernel has.

    cable.py DEVICE DEVICE DELAY LOSS

DELAY is in seconds, for each direction; LOSS is a part of 1. Prints a line when it carries frames; ends when its standard input does.
"""
import heapq
import random
import selectors
import socket
import sys
import time

ETH_P_ALL = 3                   # <linux/if_ether.h>
SOL_PACKET = 263                # <bits/socket.h>; these three: packet(7), <linux/if_packet.h>
PACKET_IGNORE_OUTGOING = 23
PACKET_VNET_HDR = 15            # what a frame leaves to the hardware (its checksum, its cut into segments) goes along before it
FRAME_BYTES_MAX = 70_000


def plug_into(device):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    s.bind((device, ETH_P_ALL))
    s.setblocking(False)
    return s


def receive_all(end, other, delay, loss, waiting, rng):
    for n in range(256):
        try:
            frame = end.recv(FRAME_BYTES_MAX)
        except BlockingIOError:
            return
        if rng.random() >= loss:
            heapq.heappush(waiting, (time.monotonic() + delay, time.monotonic_ns(), n, other, frame))


def send_due(waiting):
    """Seconds until the next one is due; None: there is none."""
    while waiting:
        left = waiting[0][0] - time.monotonic()
        if left > 0:
            return left
        *_, end, frame = heapq.heappop(waiting)
        try:
            end.send(frame)
        except (BlockingIOError, OSError):
            pass        # a cable that is full loses, too
    return None


def main(one, other, delay, loss):
    ends, waiting, rng = [plug_into(one), plug_into(other)], [], random.Random(4)
    selector = selectors.DefaultSelector()
    for n, end in enumerate(ends):
        selector.register(end, selectors.EVENT_READ, ends[1 - n])
    selector.register(sys.stdin, selectors.EVENT_READ, None)
    print("carries", flush=True)
    while True:
        for key, _ in selector.select(send_due(waiting)):
            if key.data is None:
                return
            receive_all(key.fileobj, key.data, delay, loss, waiting, rng)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
