//! Where services run and what the proxy listens on.

use super::refused;

#[test]
fn an_address_is_an_address() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = ["app", "10.0.0.1", "unix:run/app.sock", "[::g]:80", 0, 70000]
"##,
        r##"
error: `app` is not an address
 --> proxy.toml:3:13
  |
3 | upstream = ["app", "10.0.0.1", "unix:run/app.sock", "[::g]:80", 0, 70000]
  |             ^^^^^ expected a port (`3000`), `"host:port"`, `"unix:/run/app.sock"`, or a list of these

error: `10.0.0.1` is not an address
 --> proxy.toml:3:20
  |
3 | upstream = ["app", "10.0.0.1", "unix:run/app.sock", "[::g]:80", 0, 70000]
  |                    ^^^^^^^^^^ expected a port (`3000`), `"host:port"`, `"unix:/run/app.sock"`, or a list of these

error: `unix:run/app.sock` is not an absolute path
 --> proxy.toml:3:32
  |
3 | upstream = ["app", "10.0.0.1", "unix:run/app.sock", "[::g]:80", 0, 70000]
  |                                ^^^^^^^^^^^^^^^^^^^ expected a port (`3000`), `"host:port"`, `"unix:/run/app.sock"`, or a list of these

error: `[::g]:80` has no valid IPv6 address in its brackets
 --> proxy.toml:3:53
  |
3 | upstream = ["app", "10.0.0.1", "unix:run/app.sock", "[::g]:80", 0, 70000]
  |                                                     ^^^^^^^^^^ expected a port (`3000`), `"host:port"`, `"unix:/run/app.sock"`, or a list of these

error: `0` has no port between 1 and 65535
 --> proxy.toml:3:65
  |
3 | upstream = ["app", "10.0.0.1", "unix:run/app.sock", "[::g]:80", 0, 70000]
  |                                                                 ^ expected a port (`3000`), `"host:port"`, `"unix:/run/app.sock"`, or a list of these

error: `70000` has no port between 1 and 65535
 --> proxy.toml:3:68
  |
3 | upstream = ["app", "10.0.0.1", "unix:run/app.sock", "[::g]:80", 0, 70000]
  |                                                                    ^^^^^ expected a port (`3000`), `"host:port"`, `"unix:/run/app.sock"`, or a list of these
"##,
    );
}

#[test]
fn apps_over_tls_are_not_supported() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = "https://10.0.0.2:8443"
"##,
        r##"
error: `https://10.0.0.2:8443`: apps over TLS are not supported
 --> proxy.toml:3:12
  |
3 | upstream = "https://10.0.0.2:8443"
  |            ^^^^^^^^^^^^^^^^^^^^^^^ expected a port (`3000`), `"host:port"`, `"unix:/run/app.sock"`, or a list of these
  |
  = hint: let the app listen for plain HTTP, on this machine or on a network you trust
"##,
    );
}

#[test]
fn an_address_is_no_url() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = "http://10.0.0.2:8000/"
"##,
        r##"
error: `http://10.0.0.2:8000/` is a URL
 --> proxy.toml:3:12
  |
3 | upstream = "http://10.0.0.2:8000/"
  |            ^^^^^^^^^^^^^^^^^^^^^^^ expected a port (`3000`), `"host:port"`, `"unix:/run/app.sock"`, or a list of these
  |
  = hint: write `"10.0.0.2:8000"`
"##,
    );
}

#[test]
fn an_address_is_no_table() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = { port = 3000 }
"##,
        r##"
error: `upstream` has to be an address, not a table
 --> proxy.toml:3:12
  |
3 | upstream = { port = 3000 }
  |            ^^^^^^^^^^^^^^^ expected a port (`3000`), `"host:port"`, `"unix:/run/app.sock"`, or a list of these
"##,
    );
}

#[test]
fn a_list_of_addresses_is_not_empty() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = []
"##,
        r##"
error: `upstream` is an empty list
 --> proxy.toml:3:12
  |
3 | upstream = []
  |            ^^ expected a port (`3000`), `"host:port"`, `"unix:/run/app.sock"`, or a list of these
"##,
    );
}

#[test]
fn an_instance_stands_once_in_a_slot() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = [3000, "127.0.0.1:3000"]
"##,
        r##"
error: `upstream` names this twice
 --> proxy.toml:3:19
  |
3 | upstream = [3000, "127.0.0.1:3000"]
  |             ----  ^^^^^^^^^^^^^^^^
  |             |
  |             first here
"##,
    );
}

#[test]
fn blue_needs_green() {
    refused(
        r##"
[env.a]
host = "a.com"
blue = 3000
"##,
        r##"
error: `a` has `blue` but no `green`
 --> proxy.toml:3:1
  |
3 | blue = 3000
  | ^^^^ `green` is missing beside this
  |
  = hint: write `green = PORT`; a service that is never swapped says `upstream` instead
"##,
    );
}

#[test]
fn green_needs_blue() {
    refused(
        r##"
[env.a]
host = "a.com"
green = 3000
"##,
        r##"
error: `a` has `green` but no `blue`
 --> proxy.toml:3:1
  |
3 | green = 3000
  | ^^^^^ `blue` is missing beside this
  |
  = hint: write `blue = PORT`; a service that is never swapped says `upstream` instead
"##,
    );
}

#[test]
fn upstream_stands_alone() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
blue = 3001
green = 3002
"##,
        r##"
error: `a` has `upstream` beside `blue` or `green`
 --> proxy.toml:3:1
  |
3 | upstream = 3000
  | ^^^^^^^^ one slot here
4 | blue = 3001
  | ---- a colour here
  |
  = hint: a service has `blue` and `green`, or only `upstream`
"##,
    );
}

#[test]
fn a_service_says_where_it_runs() {
    refused(
        r##"
[env.a]
host = "a.com"
"##,
        r##"
error: `a` does not say where it runs
 --> proxy.toml:1:6
  |
1 | [env.a]
  |      ^ expected `upstream`, or `blue` and `green`, in this table
  |
  = hint: write `blue = 3000` and `green = 3001`, or `upstream = 3000` for what is never swapped
"##,
    );
}

#[test]
fn a_service_has_a_host() {
    refused(
        r##"
[env.a.service.web]
upstream = 3000
"##,
        r##"
error: `web` of `a` has no `host`
 --> proxy.toml:1:16
  |
1 | [env.a.service.web]
  |                ^^^ expected `host` in this table
  |
  = hint: write `host = "example.com"`
"##,
    );
}

#[test]
fn an_address_stands_in_one_environment() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000

[env.b]
host = "b.com"
upstream = "localhost:3000"
"##,
        r##"
error: `localhost:3000` stands in two environments, `a` and `b`
 --> proxy.toml:7:12
  |
3 | upstream = 3000
  |            ---- upstream of `a`
...
7 | upstream = "localhost:3000"
  |            ^^^^^^^^^^^^^^^^ upstream of `b`
  |
  = hint: let every version listen on an address of its own
"##,
    );
}

#[test]
fn an_address_stands_in_one_colour() {
    refused(
        r##"
[env.a]
host = "a.com"
blue = 3000
green = [3001, 3000]
"##,
        r##"
error: `127.0.0.1:3000` is both blue and green in `a`
 --> proxy.toml:4:16
  |
3 | blue = 3000
  |        ---- blue of `a`
4 | green = [3001, 3000]
  |                ^^^^ green of `a`
  |
  = hint: let every version listen on an address of its own
"##,
    );
}

#[test]
fn an_address_stands_in_one_colour_of_all_services() {
    refused(
        r##"
[env.a.service.web]
host = "a.com"
blue = 3000
green = 3001
[env.a.service.api]
host = "b.com"
blue = 3001
green = 3002
"##,
        r##"
error: `127.0.0.1:3001` is both green and blue in `a`
 --> proxy.toml:7:8
  |
4 | green = 3001
  |         ---- green of `web` of `a`
...
7 | blue = 3001
  |        ^^^^ blue of `api` of `a`
  |
  = hint: let every version listen on an address of its own
"##,
    );
}

#[test]
fn an_address_is_not_the_proxy_itself() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 443
"##,
        r##"
error: `127.0.0.1:443` is the proxy itself
 --> proxy.toml:3:12
  |
3 | upstream = 443
  |            ^^^ expected an address where an app listens
  |
  = hint: the proxy listens on `[::]:443`
"##,
    );
}

#[test]
fn an_address_is_not_a_listener_of_the_proxy() {
    refused(
        r##"
[server]
http = "127.0.0.1:8080"
https = ["10.0.0.5:8443", "[::1]:8443"]
[env.a]
host = "a.com"
blue = "localhost:8080"
green = "10.0.0.5:8443"
"##,
        r##"
error: `localhost:8080` is the proxy itself
 --> proxy.toml:6:8
  |
2 | http = "127.0.0.1:8080"
  |        ---------------- the proxy listens here
...
6 | blue = "localhost:8080"
  |        ^^^^^^^^^^^^^^^^ expected an address where an app listens

error: `10.0.0.5:8443` is the proxy itself
 --> proxy.toml:7:9
  |
3 | https = ["10.0.0.5:8443", "[::1]:8443"]
  |          --------------- the proxy listens here
...
7 | green = "10.0.0.5:8443"
  |         ^^^^^^^^^^^^^^^ expected an address where an app listens
"##,
    );
}

#[test]
fn an_address_is_not_the_control_socket() {
    refused(
        r##"
[server]
socket = "/run/gg.sock"
[env.a]
host = "a.com"
upstream = "unix:/run/gg.sock"
"##,
        r##"
error: `unix:/run/gg.sock` is the proxy itself
 --> proxy.toml:5:12
  |
5 | upstream = "unix:/run/gg.sock"
  |            ^^^^^^^^^^^^^^^^^^^ expected an address where an app listens
  |
  = hint: the proxy listens on `/run/gg.sock`
"##,
    );
}

#[test]
fn a_listener_is_a_whole_address() {
    refused(
        r##"
[server]
http = 80
https = ":443"
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: `http` is not an address to listen on
 --> proxy.toml:2:8
  |
2 | http = 80
  |        ^^ expected an address with a port, as `"127.0.0.1:8080"` or `"[::]:80"`, or a list of these
  |
  = hint: write `"[::]:80"` for every address of the machine, or `"127.0.0.1:80"` for this machine alone

error: `https` is not an address to listen on
 --> proxy.toml:3:9
  |
3 | https = ":443"
  |         ^^^^^^ expected an address with a port, as `"127.0.0.1:8080"` or `"[::]:80"`, or a list of these
  |
  = hint: write `"[::]:443"` for every address of the machine, or `"127.0.0.1:443"` for this machine alone
"##,
    );
}

#[test]
fn a_listener_is_an_ip_address() {
    refused(
        r##"
[server]
http = ["localhost:80", true]
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: `http` is not an address to listen on
 --> proxy.toml:2:9
  |
2 | http = ["localhost:80", true]
  |         ^^^^^^^^^^^^^^ expected an address with a port, as `"127.0.0.1:8080"` or `"[::]:80"`, or a list of these

error: `http` is not an address to listen on
 --> proxy.toml:2:25
  |
2 | http = ["localhost:80", true]
  |                         ^^^^ expected an address with a port, as `"127.0.0.1:8080"` or `"[::]:80"`, or a list of these
"##,
    );
}

#[test]
fn a_list_of_listeners_is_not_empty() {
    refused(
        r##"
[server]
http = []
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: `http` is an empty list
 --> proxy.toml:2:8
  |
2 | http = []
  |        ^^ expected an address with a port, as `"127.0.0.1:8080"` or `"[::]:80"`, or a list of these
"##,
    );
}

#[test]
fn an_address_is_listened_on_once() {
    refused(
        r##"
[server]
http = ["[::]:8080", "[::]:8080"]
https = "[::]:8080"
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: `[::]:8080` is listened on twice
 --> proxy.toml:2:22
  |
2 | http = ["[::]:8080", "[::]:8080"]
  |         -----------  ^^^^^^^^^^^ again here
  |         |
  |         first here

error: `[::]:8080` is listened on twice
 --> proxy.toml:3:9
  |
2 | http = ["[::]:8080", "[::]:8080"]
  |         ----------- first here
3 | https = "[::]:8080"
  |         ^^^^^^^^^^^ again here
"##,
    );
}

#[test]
fn a_default_listener_is_not_taken_twice() {
    refused(
        r##"
[server]
http = "[::]:443"
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: port 443 is what `https` listens on
 --> proxy.toml:2:8
  |
2 | http = "[::]:443"
  |        ^^^^^^^^^^ expected another port
  |
  = hint: name the addresses of `https` too; its default is `"[::]:443"`
"##,
    );
}

#[test]
fn workers_have_bounds() {
    refused(
        r##"
[server]
workers = 257
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: `workers` is out of bounds
 --> proxy.toml:2:11
  |
2 | workers = 257
  |           ^^^ expected an integer between 1 and 256
"##,
    );
}

#[test]
fn connections_are_counted_from_one() {
    refused(
        r##"
[server]
max_connections = 0
max_connections_per_client = -1
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: `max_connections` is out of bounds
 --> proxy.toml:2:19
  |
2 | max_connections = 0
  |                   ^ expected an integer, at least 1

error: `max_connections_per_client` is out of bounds
 --> proxy.toml:3:30
  |
3 | max_connections_per_client = -1
  |                              ^^ expected an integer, at least 1
"##,
    );
}

#[test]
fn trusted_proxies_are_networks() {
    refused(
        r##"
[server]
trusted_proxies = ["10.0.0.0/8", "10.0.0.0/33", "proxy"]
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: `10.0.0.0/33` is neither a network nor an address
 --> proxy.toml:2:34
  |
2 | trusted_proxies = ["10.0.0.0/8", "10.0.0.0/33", "proxy"]
  |                                  ^^^^^^^^^^^^^ expected a list of networks or addresses, as `["10.0.0.0/8", "192.0.2.7"]`

error: `proxy` is neither a network nor an address
 --> proxy.toml:2:49
  |
2 | trusted_proxies = ["10.0.0.0/8", "10.0.0.0/33", "proxy"]
  |                                                 ^^^^^^^ expected a list of networks or addresses, as `["10.0.0.0/8", "192.0.2.7"]`
"##,
    );
}

#[test]
fn the_proxy_header_is_on_or_off() {
    refused(
        r##"
[server]
proxy_protocol = 2
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: `proxy_protocol` has to be a boolean, not an integer
 --> proxy.toml:2:18
  |
2 | proxy_protocol = 2
  |                  ^ expected `true` or `false`
"##,
    );
}

#[test]
fn paths_and_groups_are_texts() {
    refused(
        r##"
[server]
socket = 1
group = ""
state_dir = false
access_log = ["a"]
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: `socket` has to be a text, not an integer
 --> proxy.toml:2:10
  |
2 | socket = 1
  |          ^ expected a text in quotes

error: `group` is empty
 --> proxy.toml:3:9
  |
3 | group = ""
  |         ^^ expected a text

error: `state_dir` has to be a text, not a boolean
 --> proxy.toml:4:13
  |
4 | state_dir = false
  |             ^^^^^ expected a text in quotes

error: `access_log` has to be a text, not a list
 --> proxy.toml:5:14
  |
5 | access_log = ["a"]
  |              ^^^^^ expected a text in quotes
"##,
    );
}

#[test]
fn an_unknown_key_of_server_is_suggested() {
    refused(
        r##"
[server]
worker = 2
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: unknown key `worker` in `[server]`
 --> proxy.toml:2:1
  |
2 | worker = 2
  | ^^^^^^ unknown key
  |
  = hint: did you mean `workers`?
"##,
    );
}
