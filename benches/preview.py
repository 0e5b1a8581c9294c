#!/usr/bin/env python3
"""What previews cost those who see none: CPU time of the front door for one request, with none opened, one open, and one that has ended.

    benches/preview.py target/release/proxyd --before /tmp/before/proxyd --rounds 15 --seconds 2

Each row is a daemon of its own, on core 1 with one worker; the load (wrk) and the apps (nginx) share core 0. Rows take turns within a round,
and what is told of a row is its best round, because whatever else the machine does only adds. `--before` names a build without previews,
which comes first: what they cost where nobody ever opens one is the second row beside it.

Needs two cores, proxyctl beside proxyd, and nginx, wrk and curl (Debian: nginx-light wrk curl).
"""

import importlib.util
import json
import pathlib
import subprocess

# By its path: a module of Python's own has the same name.
spec = importlib.util.spec_from_file_location("rows", pathlib.Path(__file__).with_name("site.py"))
rows = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rows)

HOST = "app.test"
PORTS = iter(range(21900, 21910))


def main():
    with rows.beside(__doc__, 15) as (options, root, ends):
        doors, table = {}, {}

        def row(name, proxyd, prepare=lambda door: None):
            door = Door(ends, root / str(len(doors)), proxyd)
            head = [f"Host: {HOST}", *(prepare(door) or [])]
            doors[name] = door.process
            table[name] = (name, f"http://127.0.0.1:{door.port}/", head)

        if options.before:
            row("before", options.before)
        row("none was ever opened", options.proxyd)
        row("one has ended", options.proxyd, lambda door: door.open() and door.preview("--end"))
        row("one is open, seen by others", options.proxyd, lambda door: door.open() and None)
        row("one is open, seen by cookies", options.proxyd, lambda door: door.open() and ["Cookie: theme=dark; session=0123456789abcdef"])
        row("one is open, and looked at", options.proxyd, lambda door: [f"X-Greengate-Preview: {door.open()}"])
        rows.measure("previews, small answer over HTTP/1.1", table, doors, options)


class Door:
    """A daemon with one environment, whose sides are two ports of the same app."""

    def __init__(self, ends, folder, proxyd):
        folder.mkdir()
        self.port, self.proxyctl, self.socket = next(PORTS), pathlib.Path(proxyd).with_name("proxyctl"), folder / "control.sock"
        config = rows.write(folder / "proxy.toml", f"""
[server]
http = "127.0.0.1:{self.port}"
https = "127.0.0.1:0"
socket = "{self.socket}"
state_dir = "{folder}/state"
access_log = "{folder}/access.log"
workers = 1
[defaults]
tls = "off"
log = false
[env.prod]
host = "{HOST}"
blue = {rows.APPS[0]}
green = {rows.APPS[1]}
""")
        self.process = rows.start(ends, [proxyd, "--config", config], self.port, rows.DOOR_CORE)

    def preview(self, *args):
        """`proxyctl preview prod`, and nothing to be sent with a request."""
        command = [self.proxyctl, "--socket", self.socket, "preview", "prod", "--json", *args]
        self.said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def open(self):
        """Opens a preview, and returns its token."""
        self.preview()
        return next(json.loads(line)["token"] for line in self.said.splitlines() if "token" in line)


if __name__ == "__main__":
    main()
