//! Values that are not what their key asks for.

use super::refused;

#[test]
fn a_duration_is_no_integer() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
health.interval = 5
"##,
        r##"
error: `health.interval` has to be a duration, not an integer
 --> proxy.toml:4:19
  |
4 | health.interval = 5
  |                   ^ expected a number and a unit, as `"500ms"`, `"5s"`, `"5m"` or `"1h 30m"`
  |
  = hint: write `"5s"`
"##,
    );
}

#[test]
fn a_duration_has_a_known_unit() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
timeout.response = "5 sec"
"##,
        r##"
error: `5 sec` is not a duration: `sec` is not a unit
 --> proxy.toml:4:20
  |
4 | timeout.response = "5 sec"
  |                    ^^^^^^^ expected a number and a unit, as `"500ms"`, `"5s"`, `"5m"` or `"1h 30m"`
"##,
    );
}

#[test]
fn a_duration_is_no_float() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
timeout.response = 1.5
"##,
        r##"
error: `timeout.response` has to be a duration, not a float
 --> proxy.toml:4:20
  |
4 | timeout.response = 1.5
  |                    ^^^ expected a number and a unit, as `"500ms"`, `"5s"`, `"5m"` or `"1h 30m"`
"##,
    );
}

#[test]
fn a_timeout_cannot_be_zero() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
timeout.connect = "0s"
"##,
        r##"
error: `timeout.connect` cannot be zero
 --> proxy.toml:4:19
  |
4 | timeout.connect = "0s"
  |                   ^^^^ expected more than no time at all
"##,
    );
}

#[test]
fn a_size_has_a_known_unit() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
limit.body = "10M"
"##,
        r##"
error: `limit.body` is not a size: `M` is not a unit
 --> proxy.toml:4:14
  |
4 | limit.body = "10M"
  |              ^^^^^ expected a number and a unit, as `"64KiB"` or `"100MiB"`, or an integer of bytes
"##,
    );
}

#[test]
fn a_size_is_no_boolean() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
limit.body = true
"##,
        r##"
error: `limit.body` has to be a size, not a boolean
 --> proxy.toml:4:14
  |
4 | limit.body = true
  |              ^^^^ expected a number and a unit, as `"64KiB"` or `"100MiB"`, or an integer of bytes
"##,
    );
}

#[test]
fn a_body_limit_cannot_be_zero() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
limit.body = 0
"##,
        r##"
error: `limit.body` cannot be zero
 --> proxy.toml:4:14
  |
4 | limit.body = 0
  |              ^ expected a number and a unit, as `"64KiB"` or `"100MiB"`, or an integer of bytes
  |
  = hint: bodies are streamed, so a high limit costs no memory: `"10GiB"`
"##,
    );
}

#[test]
fn an_error_rate_is_no_integer() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
bake.max_error_rate = 5
"##,
        r##"
error: `bake.max_error_rate` has to be a share, not an integer
 --> proxy.toml:4:23
  |
4 | bake.max_error_rate = 5
  |                       ^ expected a percentage (`"5%"`) or a share between 0.0 and 1.0
  |
  = hint: write `"5%"`
"##,
    );
}

#[test]
fn an_error_rate_has_a_percent_sign() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
bake.max_error_rate = "5"
"##,
        r##"
error: `5` is not a share: it has no `%`
 --> proxy.toml:4:23
  |
4 | bake.max_error_rate = "5"
  |                       ^^^ expected a percentage (`"5%"`) or a share between 0.0 and 1.0
"##,
    );
}

#[test]
fn an_error_rate_is_at_most_one() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
bake.max_error_rate = 1.5
"##,
        r##"
error: `bake.max_error_rate` is out of bounds
 --> proxy.toml:4:23
  |
4 | bake.max_error_rate = 1.5
  |                       ^^^ expected a percentage (`"5%"`) or a share between 0.0 and 1.0
"##,
    );
}

#[test]
fn a_bake_window_is_a_duration_or_off() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
bake.for = "never"
"##,
        r##"
error: `never` is not a duration: it does not start with a whole number
 --> proxy.toml:4:12
  |
4 | bake.for = "never"
  |            ^^^^^^^ expected a number and a unit, as `"500ms"`, `"5s"`, `"5m"` or `"1h 30m"`
"##,
    );
}

#[test]
fn passes_are_at_least_one() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
health.passes = 0
"##,
        r##"
error: `health.passes` is out of bounds
 --> proxy.toml:4:17
  |
4 | health.passes = 0
  |                 ^ expected an integer between 1 and 100
"##,
    );
}

#[test]
fn passes_are_an_integer() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
health.passes = "3"
"##,
        r##"
error: `health.passes` has to be an integer, not a text
 --> proxy.toml:4:17
  |
4 | health.passes = "3"
  |                 ^^^ expected an integer between 1 and 100
"##,
    );
}

#[test]
fn a_flag_is_a_boolean() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
log = "yes"
"##,
        r##"
error: `log` has to be a boolean, not a text
 --> proxy.toml:4:7
  |
4 | log = "yes"
  |       ^^^^^ expected `true` or `false`
"##,
    );
}

#[test]
fn a_status_is_a_status() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
health.status = [204, "2xy", 99, "299-200"]
"##,
        r##"
error: `health.status` is no HTTP status
 --> proxy.toml:4:23
  |
4 | health.status = [204, "2xy", 99, "299-200"]
  |                       ^^^^^ expected a status (`204`), `"2xx"`, `"200-299"`, or a list of these

error: `health.status` is no HTTP status
 --> proxy.toml:4:30
  |
4 | health.status = [204, "2xy", 99, "299-200"]
  |                              ^^ expected a status (`204`), `"2xx"`, `"200-299"`, or a list of these

error: `health.status` is no HTTP status
 --> proxy.toml:4:34
  |
4 | health.status = [204, "2xy", 99, "299-200"]
  |                                  ^^^^^^^^^ expected a status (`204`), `"2xx"`, `"200-299"`, or a list of these
"##,
    );
}

#[test]
fn a_version_stands_in_a_header_or_in_json() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
health.version = "X-Version"
"##,
        r##"
error: `X-Version` does not say where the version stands
 --> proxy.toml:4:18
  |
4 | health.version = "X-Version"
  |                  ^^^^^^^^^^^ expected `"header:NAME"` or `"json:FIELD"`
  |
  = hint: `header:X-Version` reads a response header, `json:build.version` a field of the body
"##,
    );
}

#[test]
fn a_health_path_starts_with_a_slash() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
health.path = "http://127.0.0.1:3000/health"
"##,
        r##"
error: `http://127.0.0.1:3000/health` is not a path
 --> proxy.toml:4:15
  |
4 | health.path = "http://127.0.0.1:3000/health"
  |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected a path that starts with `/`, as `"/health"`
  |
  = hint: the address is the candidate's own; write the path alone
"##,
    );
}

#[test]
fn a_health_body_is_not_empty() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
health.body = ""
"##,
        r##"
error: `health.body` is empty
 --> proxy.toml:4:15
  |
4 | health.body = ""
  |               ^^ expected a text
"##,
    );
}

#[test]
fn warmup_is_a_list_of_paths() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
warmup = ["/", "pricing"]
"##,
        r##"
error: `pricing` is not a path
 --> proxy.toml:4:16
  |
4 | warmup = ["/", "pricing"]
  |                ^^^^^^^^^ expected a path that starts with `/`, as `"/health"`
"##,
    );
}

#[test]
fn reuse_is_safe_or_always() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
keepalive.reuse = "never"
"##,
        r##"
error: `keepalive.reuse` cannot be `never`
 --> proxy.toml:4:19
  |
4 | keepalive.reuse = "never"
  |                   ^^^^^^^ expected `"safe"` or `"always"`
"##,
    );
}

#[test]
fn a_label_is_one_header_value() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
label = "on stage"
"##,
        r##"
error: `label` cannot stand in a response header
 --> proxy.toml:4:9
  |
4 | label = "on stage"
  |         ^^^^^^^^^^ expected up to 64 visible ASCII characters, as `"staging"`
"##,
    );
}

#[test]
fn tls_is_one_of_four() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
tls = "interal"
"##,
        r##"
error: `tls` cannot be `interal`
 --> proxy.toml:4:7
  |
4 | tls = "interal"
  |       ^^^^^^^^^ expected `"acme"`, `"internal"`, `"off"` or `{ cert = "…", key = "…" }`
  |
  = hint: did you mean `internal`?
"##,
    );
}

#[test]
fn tls_files_are_a_pair() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
tls = { cert = "a.pem" }
"##,
        r##"
error: `tls` has no `key`
 --> proxy.toml:4:7
  |
4 | tls = { cert = "a.pem" }
  |       ^^^^^^^^^^^^^^^^^^ expected `{ cert = "…", key = "…" }`
"##,
    );
}

#[test]
fn tls_files_have_no_other_keys() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
tls = { cert = "a.pem", key = "a.key", chain = "b.pem" }
"##,
        r##"
error: unknown key `tls.chain`
 --> proxy.toml:4:40
  |
4 | tls = { cert = "a.pem", key = "a.key", chain = "b.pem" }
  |                                        ^^^^^ expected `cert` or `key`
"##,
    );
}

#[test]
fn tls_is_a_text_or_a_table() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
tls = true
"##,
        r##"
error: `tls` has to be a text or a table, not a boolean
 --> proxy.toml:4:7
  |
4 | tls = true
  |       ^^^^ expected `"acme"`, `"internal"`, `"off"` or `{ cert = "…", key = "…" }`
"##,
    );
}

#[test]
fn a_path_prefix_is_plain() {
    refused(
        r##"
[env.a]
[env.a.service.s0]
host = "a0.com"
upstream = 3000
path = "api"
[env.a.service.s1]
host = "a1.com"
upstream = 3001
path = "/a?b"
[env.a.service.s2]
host = "a2.com"
upstream = 3002
path = "/a%20b"
[env.a.service.s3]
host = "a3.com"
upstream = 3003
path = "/a//b"
[env.a.service.s4]
host = "a4.com"
upstream = 3004
path = "/a/../b"
[env.a.service.s5]
host = "a5.com"
upstream = 3005
path = "/a b"
"##,
        r##"
error: `path` does not start with `/`
 --> proxy.toml:5:8
  |
5 | path = "api"
  |        ^^^^^ expected a path prefix, as `"/api"`

error: `path` has a query or a fragment
 --> proxy.toml:9:8
  |
9 | path = "/a?b"
  |        ^^^^^^ expected a path prefix, as `"/api"`

error: `path` has a `%` or a `\`
  --> proxy.toml:13:8
   |
13 | path = "/a%20b"
   |        ^^^^^^^^ expected a path prefix, as `"/api"`

error: `path` has an empty segment
  --> proxy.toml:17:8
   |
17 | path = "/a//b"
   |        ^^^^^^^ expected a path prefix, as `"/api"`

error: `path` has a `.` or `..` segment
  --> proxy.toml:21:8
   |
21 | path = "/a/../b"
   |        ^^^^^^^^^ expected a path prefix, as `"/api"`

error: `path` has a character that stands in no path
  --> proxy.toml:25:8
   |
25 | path = "/a b"
   |        ^^^^^^ expected a path prefix, as `"/api"`
"##,
    );
}

#[test]
fn an_empty_list_of_stale_assets_takes_inherited_ones_away_and_off_holds_nothing() {
    let config = super::accepted(
        r##"
[defaults]
stale_assets = "/assets/"
[env.a]
host = "a.com"
upstream = 3000
stale_assets = []
hold.for = "off"
"##,
    );
    let service = super::service(&config, "a", "a");
    assert!(service.stale_assets.is_empty());
    assert!(service.hold.period.is_zero());
}

#[test]
fn the_bounds_of_hold_and_the_prefixes_of_stale_assets_are_checked() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
hold.for = 30
hold.max_requests = 0
hold.max_bytes = 0
stale_assets = ["/a/", "assets", "/b?c", "/a/"]
"##,
        r##"
error: `hold.for` has to be a duration, not an integer
 --> proxy.toml:4:12
  |
4 | hold.for = 30
  |            ^^ expected a number and a unit, as `"500ms"`, `"5s"`, `"5m"` or `"1h 30m"`
  |
  = hint: write `"30s"`

error: `hold.max_requests` is out of bounds
 --> proxy.toml:5:21
  |
5 | hold.max_requests = 0
  |                     ^ expected an integer between 1 and 1000000

error: `hold.max_bytes` cannot be zero
 --> proxy.toml:6:18
  |
6 | hold.max_bytes = 0
  |                  ^ expected a number and a unit, as `"64KiB"` or `"100MiB"`, or an integer of bytes
  |
  = hint: without memory nothing can be held; to hold nothing at all write `hold.for = "off"`

error: `assets` is not a path
 --> proxy.toml:7:24
  |
7 | stale_assets = ["/a/", "assets", "/b?c", "/a/"]
  |                        ^^^^^^^^ expected a path that starts with `/`, as `"/health"`

error: `stale_assets` has a query
 --> proxy.toml:7:34
  |
7 | stale_assets = ["/a/", "assets", "/b?c", "/a/"]
  |                                  ^^^^^^ expected a path prefix, as `"/assets/"`

error: `stale_assets` names this twice
 --> proxy.toml:7:42
  |
7 | stale_assets = ["/a/", "assets", "/b?c", "/a/"]
  |                 ----- first here         ^^^^^
"##,
    );
}
