#!/usr/bin/env python3
"""What the kernel needs for a TCP connection over which nothing moves: by its own books, as root.

    sudo benches/sockets.py --connections 8000

Opens them to itself, each end watched by an epoll as the front door's are, and sends a few bytes each way first. A connection has two ends here and is
told of as one. Needs two descriptors a connection (`ulimit -n`).
"""

import argparse
import pathlib
import resource
import select
import socket
import time

# What grows with sockets whatever else happens on the machine.
SLABS = ("TCP", "TCPv6", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", "eventpoll_pwq", "nf_conntrack", "skbuff_head_cache", "skbuff_small_head")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=8000)
    count = parser.parse_args().connections
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    watch, ends = select.epoll(), []
    slabs, pages = books()
    for _ in range(count):
        client = socket.create_connection(listener.getsockname())
        server = listener.accept()[0]
        for here, there in ((client, server), (server, client)):
            here.sendall(b"a" * 512)
            there.recv(4096)
            watch.register(here, select.EPOLLIN | select.EPOLLET)
        ends += [client, server]
    time.sleep(1)
    after, pages_after = books()
    print(f"{count} connections, bytes for one end of each\n{'slab':20}{'objects':>10}{'of':>8}{'bytes':>10}")
    total = 0
    for name in SLABS:
        if name in after:
            objects, size = after[name][0] - slabs.get(name, (0, 0))[0], after[name][1]
            # An end that is not of this run may have come or gone.
            if objects >= count / 10:
                total += objects * size / len(ends)
                print(f"{name:20}{objects:10}{size:8}{objects * size / len(ends):10.0f}")
    print(f"{'together':20}{'':18}{total:10.0f}\nbuffers (sockstat): {(pages_after - pages) * resource.getpagesize() / len(ends):.0f} bytes for an end")


def books():
    """Slab → objects and bytes of each; and pages of TCP's buffers."""
    lines = pathlib.Path("/proc/slabinfo").read_text().splitlines()[2:]
    slabs = {line.split()[0]: (int(line.split()[1]), int(line.split()[3])) for line in lines}
    tcp = next(line for line in pathlib.Path("/proc/net/sockstat").read_text().splitlines() if line.startswith("TCP:")).split()
    return slabs, int(tcp[tcp.index("mem") + 1])


if __name__ == "__main__":
    main()
