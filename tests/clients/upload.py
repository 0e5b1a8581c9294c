"""Uploads over HTTP/2 with httpx, which writes all of a body before it looks for an answer, then asks for `/` on the same
connection. Prints JSON. Usage: upload.py PORT CA HOST PATH BYTES known|unknown"""

import json
import ssl
import sys

import httpx

port, ca, host, path, size, length = sys.argv[1:]
size = int(size)
piece = b"x" * 65536
body = b"x" * size if length == "known" else (piece for _ in range(size // len(piece)))
server = f"https://127.0.0.1:{port}"
named = {"headers": {"Host": host}, "extensions": {"sni_hostname": host}}

with httpx.Client(http2=True, verify=ssl.create_default_context(cafile=ca), timeout=60) as client:
    upload = client.post(server + path, content=body, **named)
    after = client.get(server, **named)
    assert upload.http_version == after.http_version == "HTTP/2"
    print(json.dumps({"status": upload.status_code, "size": len(upload.content), "after": after.status_code}))
