"""HAProxy; its hosts are looked up in a map, as its documentation says for many of them."""

TITLE = "HAProxy"
PROGRAM = "haproxy"
VERSION = ["-v"]
HINT = "apt install haproxy"
WITHOUT = ()


def command(program, place):
    (place.folder / "pair.pem").write_text(place.certificate.read_text() + place.key.read_text())
    hosts = place.write("hosts.map", "".join(f"{host} {site.name}\n" for site in place.sites for host in site.hosts))
    log = ("log stdout format raw local0", "option httplog\n  log global") if place.setting.log else ("", "")
    text = f"""
global
  nbthread {place.setting.workers}
  maxconn 9500
  no strict-limits
  tune.ssl.cachesize 20000
  tune.ssl.default-dh-param 2048
  ssl-default-bind-options ssl-min-ver TLSv1.2
  ssl-default-bind-curves X25519:P-256
  {log[0]}
defaults
  mode http
  timeout client 600s
  timeout server 600s
  timeout connect 5s
  timeout http-keep-alive 600s
  timeout http-request 600s
  option splice-auto
  option forwardfor
  {log[1]}
frontend door
  bind 127.0.0.1:{place.plain} backlog 4096
  bind 127.0.0.1:{place.tls} ssl crt {place.folder}/pair.pem alpn h2,http/1.1 backlog 4096
  maxconn 9500
  http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
  http-request set-header X-Forwarded-Proto http if !{{ ssl_fc }}
  use_backend %[req.hdr(host),lower,field(1,:),map({hosts})]
"""
    for site in place.sites:
        text += f"backend {site.name}\n  http-reuse always\n  server app 127.0.0.1:{site.app} pool-max-conn 1024\n"
    return [program, "-f", place.write("haproxy.cfg", text)]
