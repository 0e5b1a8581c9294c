"""`GET TARGET` over HTTP/2 with httpx, which writes targets by the rules. Prints JSON. Usage: get.py PORT CA HOST TARGET"""

import json
import ssl
import sys

import httpx

port, ca, host, target = sys.argv[1:]
with httpx.Client(http2=True, verify=ssl.create_default_context(cafile=ca), timeout=20) as client:
    extensions = {"sni_hostname": host}
    answer = client.get(f"https://127.0.0.1:{port}{target}", headers={"Host": host}, extensions=extensions)
    assert answer.http_version == "HTTP/2"
    print(json.dumps({"status": answer.status_code, "body": answer.text}))
