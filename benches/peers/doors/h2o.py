"""h2o."""

TITLE = "h2o"
PROGRAM = "h2o"
VERSION = ["-v"]
HINT = "name it with --h2o"
WITHOUT = ()


def command(program, place):
    tls = f"{{certificate-file: {place.certificate}, key-file: {place.key}, minimum-version: TLSv1.2}}"
    log = f"access-log: {place.folder}/access.log\n" if place.setting.log else ""
    text = f"""
num-threads: {place.setting.workers}
max-connections: 10000
limit-request-body: 1073741824
http2-idle-timeout: 600
http1-request-timeout: 600
proxy.preserve-host: ON
proxy.websocket: ON
proxy.timeout.keepalive: 600000
{log}listen: {{host: 127.0.0.1, port: {place.plain}}}
listen: {{host: 127.0.0.1, port: {place.tls}, ssl: {tls}}}
hosts:
"""
    for site in place.sites:
        for host in site.hosts:
            port = place.tls if site.secure else place.plain
            text += f'  "{host}:{port}": {{paths: {{/: {{proxy.reverse.url: "http://127.0.0.1:{site.app}/"}}}}}}\n'
    return [program, "-m", "worker", "-c", place.write("h2o.yaml", text)]
