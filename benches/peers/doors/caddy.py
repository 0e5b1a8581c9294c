"""Caddy, with a certificate from files as all others have it."""

TITLE = "Caddy"
PROGRAM = "caddy"
VERSION = ["version"]
HINT = "apt install caddy"
WITHOUT = ()


def command(program, place):
    log = f"log {{\n  output file {place.folder}/access.log\n }}" if place.setting.log else ""
    text = "{\n admin off\n auto_https off\n log {\n  level ERROR\n }\n}\n"
    if place.setting.log:
        text = text.replace("level ERROR", "level INFO")
    for site in place.sites:
        scheme, port = ("https", place.tls) if site.secure else ("http", place.plain)
        tls = f"tls {place.certificate} {place.key}" if site.secure else ""
        addresses = ", ".join(f"{scheme}://{host}:{port}" for host in site.hosts)
        text += f"""
{addresses} {{
 bind 127.0.0.1
 {tls}
 {log}
 reverse_proxy 127.0.0.1:{site.app} {{
  transport http {{
   keepalive_idle_conns_per_host 512
  }}
 }}
}}
"""
    return [program, "run", "--config", place.write("Caddyfile", text), "--adapter", "caddyfile"]
