"""Greengate, with everything on that is on by itself, and metrics."""

import pathlib
import subprocess

TITLE = "Greengate"
PROGRAM = "proxyd"
VERSION = ["--version"]
HINT = "name it with --proxyd"
WITHOUT = ()


def command(program, place):
    text = f"""
[server]
http = "127.0.0.1:{place.plain}"
https = "127.0.0.1:{place.tls}"
socket = "{place.folder}/control.sock"
state_dir = "{place.folder}/state"
access_log = "{place.folder}/access.log"
metrics = "127.0.0.1:0"
workers = {place.setting.workers}
max_connections = 16000
[defaults]
log = {str(place.setting.log).lower()}
limit.body = "1GiB"
health.interval = "10ms"
health.passes = 1
"""
    for site in place.sites:
        tls = f'{{ cert = "{place.certificate}", key = "{place.key}" }}' if site.secure else '"off"'
        app = f"upstream = {site.app}" if place.setting.slots == 1 else f"blue = {site.app}\ngreen = {site.other}"
        text += f"[env.{site.name}]\nhost = {quoted(site.hosts)}\ntls = {tls}\n{app}\n"
    return [program, "--config", place.write("proxy.toml", text)]


def quoted(hosts):
    return "[" + ", ".join(f'"{host}"' for host in hosts) + "]"


def proxyctl(running, *words):
    """`proxyctl`, which lies beside the daemon."""
    program = pathlib.Path(running.door.program).with_name("proxyctl")
    subprocess.run([program, "--socket", running.place.folder / "control.sock", *words], check=True, capture_output=True)
