"""nginx, tuned as its documentation says for a proxy: connections to the app are kept, and bodies are not stored."""

TITLE = "nginx"
PROGRAM = "nginx"
VERSION = ["-v"]
HINT = "apt install nginx-light"
WITHOUT = ()


def command(program, place):
    folder = place.folder
    log = f"{folder}/access.log" if place.setting.log else "off"
    temporary = " ".join(f"{of}_temp_path {folder}/{of};" for of in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = f"""
daemon off; pid {folder}/pid; error_log {folder}/error.log crit; worker_processes {place.setting.workers}; worker_rlimit_nofile 40000;
events {{ worker_connections 16384; multi_accept on; }}
http {{ access_log {log}; sendfile on; tcp_nopush on; server_tokens off; keepalive_timeout 600s; keepalive_requests 100000000;
 http2_max_concurrent_streams 256; client_max_body_size 0; server_names_hash_max_size 4096; server_names_hash_bucket_size 128; {temporary}
 ssl_certificate {place.certificate}; ssl_certificate_key {place.key}; ssl_protocols TLSv1.2 TLSv1.3;
 ssl_session_cache shared:tls:50m; ssl_buffer_size 16k; ssl_prefer_server_ciphers off;
 proxy_http_version 1.1; proxy_request_buffering off; proxy_max_temp_file_size 0;
 proxy_buffers 16 16k; proxy_buffer_size 16k; proxy_busy_buffers_size 64k;
 proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme;
 map $http_upgrade $upgrade {{ default upgrade; "" ""; }}
 proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgrade;
"""
    for at, site in enumerate(place.sites):
        port = f"{place.tls} ssl http2" if site.secure else place.plain
        # Options of a socket are said once.
        options = "reuseport backlog=4096" if at < 2 else ""
        text += f"""
 upstream {site.name} {{ server 127.0.0.1:{site.app}; keepalive 512; keepalive_requests 100000000; keepalive_timeout 600s; }}
 server {{ listen 127.0.0.1:{port} {options}; server_name {" ".join(site.hosts)}; location / {{ proxy_pass http://{site.name}; }} }}
"""
    return [program, "-c", place.write("nginx.conf", text + "}\n"), "-p", folder]
