#!/usr/bin/env python3
"""What a key costs: CPU time of the front door for one request, key by key, and beside nginx and Caddy where they do the same.

    benches/site.py target/release/proxyd --rows keys,encodings,files --rounds 7 --seconds 2

The front door has core 1 for itself, with one worker; the load (wrk) and the app (nginx) share core 0. Rows take turns within a round, and
what is told of a row is its best round, because whatever else the machine does only adds, and its ratio to the best of the first row.

Needs two cores, proxyctl beside proxyd, and nginx, caddy, wrk, curl and openssl (Debian: nginx-light caddy wrk curl openssl).
"""

import argparse
import contextlib
import gzip
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import urllib.request

from machine import DOOR_CORE, LOAD_CORE, certificate, cpu, start, write

APP, NGINX, NGINX_TLS, CADDY, CADDY_TLS, OURS, OURS_TLS, AUTH = range(21800, 21808)
# One for each environment, because an app serves one only.
APPS = range(21820, 21860)

# Environment → what stands in it. The app's answer is the same small one for each.
KEYS = {
    "none of the keys": "",
    "headers.response, 2 names": 'headers.response = { "X-Served" = "{slot}", "Server" = "" }',
    "headers.request, 2 names": 'headers.request = { "X-Env" = "{environment}", "X-Old" = "" }',
    "security_headers": "security_headers = true",
    "cache": 'cache = "immutable"',
    "at, 20 entries": "",
    "rewrite": 'rewrite = "/*"',
    "limit.rate": 'limit.rate = "1000000/s"',
    "auth.allow": 'auth.allow = ["127.0.0.0/8"]',
    "auth.basic, known": 'auth.basic = "ROOT/users"',
    "auth.forward": 'auth.forward = { url = "http://127.0.0.1:AUTH/ok", copy = ["Remote-User"] }',
    "compress, small answer": "compress = true",
    "public, file not there": 'public = "ROOT/empty"',
    "stale_assets with keep": 'stale_assets = { paths = ["/assets/"], keep = "1d" }',
    "label_ribbon, no page": 'label = "dev"\nlabel_ribbon = true',
    "error_pages": 'error_pages = "ROOT/errors"',
    "access log": "log = true",
}
HEADERS = {
    "auth.basic, known": ["Authorization: Basic YWRhOnNlY3JldA=="],
    "compress, small answer": ["Accept-Encoding: gzip"],
    "label_ribbon, no page": ["Sec-Fetch-Dest: empty"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proxyd")
    parser.add_argument("--rows", default="keys,encodings,files")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ends:
        root = pathlib.Path(folder)
        root.chmod(0o755)
        prepare(root, options.proxyd)
        start(ends, ["nginx", "-c", app(root), "-p", folder], APP, LOAD_CORE)
        doors = {
            "Greengate": start(ends, [options.proxyd, "--config", ours(root)], OURS, DOOR_CORE),
            "nginx": start(ends, ["nginx", "-c", nginx(root), "-p", folder], NGINX, DOOR_CORE),
            "Caddy": start(ends, ["caddy", "run", "--config", caddy(root), "--adapter", "caddyfile"], CADDY, DOOR_CORE),
        }
        for rows in options.rows.split(","):
            for title, table in TABLES[rows]():
                measure(title, table, doors, options)


# ---- what is measured: title, then row → (door, url, headers of the request) -------------------------------------------------


def keys():
    url = f"http://127.0.0.1:{OURS}/"
    yield "keys, small answer over HTTP/1.1", {
        name: ("Greengate", url, [f"Host: key{place}.test", *HEADERS.get(name, [])]) for place, name in enumerate(KEYS)
    }


def encodings():
    for name in ("data.json", "page.html"):
        rows = {"nginx, gzip 5": ("nginx", f"http://127.0.0.1:{NGINX}/{name}", ["Host: gzip.test", "Accept-Encoding: gzip"])}
        rows["nginx, as it is"] = ("nginx", f"http://127.0.0.1:{NGINX}/{name}", ["Host: gzip.test"])
        rows["Greengate, as it is"] = ("Greengate", f"http://127.0.0.1:{OURS}/{name}", ["Host: encoded.test"])
        for encoding in ("gzip", "br", "zstd"):
            head = ["Host: encoded.test", f"Accept-Encoding: {encoding}"]
            rows[f"Greengate, {encoding}"] = ("Greengate", f"http://127.0.0.1:{OURS}/{name}", head)
        rows["Caddy, gzip"] = ("Caddy", f"http://127.0.0.1:{CADDY}/{name}", ["Host: gzip.test", "Accept-Encoding: gzip"])
        yield f"100 KB of an app, {name}", rows


def files():
    kinds = {
        "small file (4 KiB)": ("small.html", []),
        "1 MiB": ("big.bin", []),
        "304": ("small.html", ["etag"]),
        "precompressed": ("app.js", ["Accept-Encoding: gzip"]),
    }
    ports = {"nginx": (NGINX, NGINX_TLS), "Caddy": (CADDY, CADDY_TLS), "Greengate": (OURS, OURS_TLS)}
    for title, (name, head) in kinds.items():
        for tls in (False, True):
            rows = {}
            for door, (plain, secure) in ports.items():
                url = f"https://localhost:{secure}/{name}" if tls else f"http://127.0.0.1:{plain}/{name}"
                host = [] if tls else ["Host: files.test"]
                known = head
                if head == ["etag"]:
                    asked = urllib.request.Request(f"http://127.0.0.1:{plain}/{name}", headers={"Host": "files.test"})
                    with urllib.request.urlopen(asked, timeout=5) as answer:
                        known = [f"If-None-Match: {answer.headers['ETag']}"]
                rows[door] = (door, url, [*host, *known])
            yield f"files: {title}, {'TLS' if tls else 'plain'}", rows


TABLES = {"keys": keys, "encodings": encodings, "files": files}


# ---- builds side by side, for the other files here ------------------------------------------------------------------------------


@contextlib.contextmanager
def beside(description, rounds):
    """What was asked for, with a build to compare with; a folder; what is ended afterwards; and an app that runs."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proxyd")
    parser.add_argument("--before")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ends:
        root = pathlib.Path(folder)
        root.chmod(0o755)
        (root / "site").mkdir()
        start(ends, ["nginx", "-c", app(root), "-p", folder], APP, LOAD_CORE)
        yield options, root, ends


# ---- the measurement -----------------------------------------------------------------------------------------------------------


def measure(title, table, doors, options):
    seen = {name: [] for name in table}
    size = {}
    for name, (door, url, head) in table.items():
        size[name] = look(url, head)
        load(url, head, 1)
    for _ in range(options.rounds):
        for name, (door, url, head) in table.items():
            before = cpu(doors[door].pid)
            done = load(url, head, options.seconds)
            seen[name].append((cpu(doors[door].pid) - before) * 1e6 / done)
    print(f"\n== {title} (best of {options.rounds} rounds)")
    print(f"{'row':28}{'answer':>22}{'us/req':>10}{'ratio':>8}{'median':>10}")
    first = min(next(iter(seen.values())))
    for name, costs in seen.items():
        best, median = min(costs), statistics.median(costs)
        print(f"{name:28}{size[name]:>22}{best:10.2f}{best / first:8.2f}{median:10.2f}", flush=True)


def look(url, head):
    """What the answer is, so that nobody measures an error: status, encoding and length."""
    url = url.replace("h2://", "https://")
    asked = ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code} %{size_download} %header{content-encoding}", url]
    for line in head:
        asked += ["-H", line]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    if not re.match("200|304", said):
        raise SystemExit(f"{url} with {head} answers {said}")
    return said.strip()


def load(url, head, seconds):
    """How many requests were answered. `h2://` is HTTP/2 over TLS."""
    if url.startswith("h2://"):
        command = ["taskset", "-c", LOAD_CORE, "h2load", "-t1", "-c8", "-m16", f"-D{seconds}", url.replace("h2://", "https://")]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        done, bad = re.search(r"(\d+) succeeded, (\d+) failed", said).groups()
        if int(bad):
            raise SystemExit(f"{url}: {bad} requests failed")
        return int(done)
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", "-c64", f"-d{seconds}s"]
    for line in head:
        command += ["-H", line]
    said = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if failed and not any(line.startswith("If-None-Match") for line in head):
        raise SystemExit(f"{url}: {failed[0]}")
    return int(re.search(r"(\d+) requests in", said)[1])


# ---- what runs -----------------------------------------------------------------------------------------------------------------


def prepare(root, proxyd):
    site = root / "site"
    for folder in (site, root / "empty", root / "errors", root / "state"):
        folder.mkdir()
    (root / "errors" / "503.html").write_text("<!doctype html><title>soon</title>")
    passwd = [pathlib.Path(proxyd).with_name("proxyctl"), "passwd", root / "users", "ada"]
    subprocess.run(passwd, input="secret\n", text=True, check=True, capture_output=True)
    rows = [{"id": n, "name": f"item {n * 7919 % 1000}", "price": n * 31 % 977, "tags": ["new", f"t{n % 17}"]} for n in range(2000)]
    (site / "data.json").write_text(json.dumps(rows)[:102_400])
    items = "".join(f'<li class="item"><a href="/item/{n}">Item number {n * 7919 % 1000}</a> costs {n * 31 % 977}</li>\n' for n in range(2000))
    (site / "page.html").write_text(f"<!doctype html><title>Items</title><ul>{items}"[:102_400])
    (site / "small.html").write_text(f"<!doctype html><title>Small</title><ul>{items}"[:4096])
    (site / "app.js").write_text("".join(f"export const v{n} = {n * 7919 % 1000};\n" for n in range(2000)))
    (site / "app.js.gz").write_bytes(gzip.compress((site / "app.js").read_bytes(), 9))
    (site / "big.bin").write_bytes(os.urandom(1 << 20))
    certificate(root, "localhost")


def app(root):
    listens = " ".join(f"listen 127.0.0.1:{port};" for port in (APP, *APPS))
    return write(root / "app.conf", f"""
daemon off; pid {root}/app.pid; error_log {root}/app.log crit; worker_processes 1;
events {{ worker_connections 4096; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 600s; etag off;
 types {{ text/html html; application/json json; }}
 client_body_temp_path {root}/ab; proxy_temp_path {root}/ap; fastcgi_temp_path {root}/af; uwsgi_temp_path {root}/au; scgi_temp_path {root}/as;
 server {{ {listens} root {root}/site; location = / {{ return 200 "hello\\n"; }} }}
 server {{ listen 127.0.0.1:{AUTH}; location / {{ add_header Remote-User ada; return 204; }} }} }}
""")


def nginx(root):
    tls = f"ssl_certificate {root}/cert.pem; ssl_certificate_key {root}/key.pem;"
    served = f"root {root}/site; gzip_static on;"
    return write(root / "nginx.conf", f"""
daemon off; pid {root}/nginx.pid; error_log {root}/nginx.log crit; worker_processes 1;
events {{ worker_connections 4096; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; keepalive_timeout 600s;
 types {{ text/html html; application/json json; text/javascript js; }}
 client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
 upstream app {{ server 127.0.0.1:{APP}; keepalive 128; keepalive_requests 100000000; }}
 server {{ listen 127.0.0.1:{NGINX}; server_name gzip.test; gzip on; gzip_comp_level 5; gzip_types application/json;
  location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffers 16 16k; proxy_buffer_size 16k; }} }}
 server {{ listen 127.0.0.1:{NGINX}; server_name files.test; {served} }}
 server {{ listen 127.0.0.1:{NGINX_TLS} ssl; {tls} {served} }} }}
""")


def caddy(root):
    served = f"root * {root}/site\n file_server {{\n  precompressed gzip\n }}"
    return write(root / "Caddyfile", f"""
{{
 admin off
 auto_https off
 log {{
  level ERROR
 }}
}}
http://gzip.test:{CADDY} {{
 encode gzip
 reverse_proxy 127.0.0.1:{APP}
}}
http://files.test:{CADDY} {{
 {served}
}}
https://localhost:{CADDY_TLS} {{
 tls {root}/cert.pem {root}/key.pem
 {served}
}}
""")


def ours(root):
    text = f"""
[server]
http = "127.0.0.1:{OURS}"
https = "127.0.0.1:{OURS_TLS}"
socket = "{root}/control.sock"
state_dir = "{root}/state"
access_log = "{root}/access.log"
workers = 1
[defaults]
tls = "off"
log = false
[env.encoded]
host = "encoded.test"
upstream = {APP}
compress = true
[env.files]
host = "files.test"
upstream = "files:{root}/site"
[env.secure]
host = "localhost"
tls = {{ cert = "{root}/cert.pem", key = "{root}/key.pem" }}
upstream = "files:{root}/site"
"""
    for place, (name, lines) in enumerate(KEYS.items()):
        lines = lines.replace("ROOT", str(root)).replace("AUTH", str(AUTH))
        text += f'[env.key{place}]\nhost = "key{place}.test"\nupstream = {APPS[place]}\n{lines}\n'
        if name.startswith("at,"):
            text += "".join(f'[[env.key{place}.at]]\npath = "/part{n}/"\ncache = "immutable"\n' for n in range(20))
    return write(root / "proxy.toml", text)


if __name__ == "__main__":
    main()
