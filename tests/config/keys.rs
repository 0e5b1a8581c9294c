//! Names, places and syntax: what is refused before any value is looked at, and how many errors are shown.

use super::refused;

#[test]
fn an_unknown_key_is_refused_with_a_suggestion() {
    refused(
        r##"
[env.a]
host = "a.com"
blu = 3001
upstream = 3000
"##,
        r##"
error: unknown key `blu` in `[env.a]`
 --> proxy.toml:3:1
  |
3 | blu = 3001
  | ^^^ unknown key
  |
  = hint: did you mean `blue`?
"##,
    );
}

#[test]
fn an_unknown_key_without_a_neighbour_lists_what_is_known() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
health.colour = "red"
"##,
        r##"
error: unknown key `health.colour` in `[env.a]`
 --> proxy.toml:4:8
  |
4 | health.colour = "red"
  |        ^^^^^^ expected one of `path`, `status`, `host`, `body`, `version`, `interval`, `timeout`, `passes`, `deadline`
"##,
    );
}

#[test]
fn a_nested_key_is_suggested_by_its_last_part() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
interval = "1s"
"##,
        r##"
error: unknown key `interval` in `[env.a]`
 --> proxy.toml:4:1
  |
4 | interval = "1s"
  | ^^^^^^^^ unknown key
  |
  = hint: did you mean `health.interval`?
"##,
    );
}

#[test]
fn a_key_of_two_tables_is_suggested_in_both() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
idle = "1s"
"##,
        r##"
error: unknown key `idle` in `[env.a]`
 --> proxy.toml:4:1
  |
4 | idle = "1s"
  | ^^^^ unknown key
  |
  = hint: did you mean `keepalive.idle` or `timeout.idle`?
"##,
    );
}

#[test]
fn a_key_with_an_underscore_for_a_dot_is_understood() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
health_path = "/up"
"##,
        r##"
error: unknown key `health_path` in `[env.a]`
 --> proxy.toml:4:1
  |
4 | health_path = "/up"
  | ^^^^^^^^^^^ unknown key
  |
  = hint: did you mean `health.path`?
"##,
    );
}

#[test]
fn a_key_of_another_table_says_where_it_belongs() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
workers = 2
"##,
        r##"
error: unknown key `workers` in `[env.a]`
 --> proxy.toml:4:1
  |
4 | workers = 2
  | ^^^^^^^ unknown key
  |
  = hint: `workers` belongs to `[server]`
"##,
    );
}

#[test]
fn a_host_in_defaults_says_where_it_belongs() {
    refused(
        r##"
[defaults]
host = "a.com"
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: unknown key `host` in `[defaults]`
 --> proxy.toml:2:1
  |
2 | host = "a.com"
  | ^^^^ unknown key
  |
  = hint: `host` belongs to `[env.NAME]` or `[env.NAME.service.NAME]`
"##,
    );
}

#[test]
fn protected_in_a_service_belongs_to_the_environment() {
    refused(
        r##"
[env.a.service.web]
protected = true
host = "a.com"
upstream = 3000
"##,
        r##"
error: unknown key `protected` in `[env.a.service.web]`
 --> proxy.toml:2:1
  |
2 | protected = true
  | ^^^^^^^^^ unknown key
  |
  = hint: `protected` belongs to the environment, `[env.NAME]`
"##,
    );
}

#[test]
fn extends_in_a_service_belongs_to_the_environment() {
    refused(
        r##"
[env.a.service.web]
host = "a.com"
upstream = 3000
extends = "b"
"##,
        r##"
error: unknown key `extends` in `[env.a.service.web]`
 --> proxy.toml:4:1
  |
4 | extends = "b"
  | ^^^^^^^ unknown key
  |
  = hint: `extends` belongs to the environment, `[env.NAME]`
"##,
    );
}

#[test]
fn a_key_of_a_service_at_the_top_says_where_it_belongs() {
    refused(
        r##"
health.path = "/up"
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: unknown key `health`
 --> proxy.toml:1:1
  |
1 | health.path = "/up"
  | ^^^^^^ unknown key
  |
  = hint: `health` belongs to `[defaults]`, `[env.NAME]` or `[env.NAME.service.NAME]`
"##,
    );
}

#[test]
fn an_unknown_table_lists_the_tables() {
    refused(
        r##"
[mail]
email = "ops@example.com"
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: unknown key `mail`
 --> proxy.toml:1:2
  |
1 | [mail]
  |  ^^^^ expected one of `acme`, `defaults`, `env`, `redirect`, `server`
"##,
    );
}

#[test]
fn a_table_whose_name_goes_on_is_suggested() {
    refused(
        r##"
[environment.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: unknown key `environment`
 --> proxy.toml:1:2
  |
1 | [environment.a]
  |  ^^^^^^^^^^^ unknown key
  |
  = hint: did you mean `env`?
"##,
    );
}

#[test]
fn keys_of_later_versions_are_unknown_like_any_other() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
limit.rate = "10/s"
auth.basic = "users"
headers.request.X-A = "1"
security_headers = true
compress = true
require_healthy = "dev"
deploy.start = "x"
"##,
        r##"
error: unknown key `limit.rate` in `[env.a]`
 --> proxy.toml:4:7
  |
4 | limit.rate = "10/s"
  |       ^^^^ expected `body`

error: unknown key `auth` in `[env.a]`
 --> proxy.toml:5:1
  |
5 | auth.basic = "users"
  | ^^^^ expected one of `host`, `path`, `strip_prefix`, `blue`, `green`, `upstream`, `health`, `warmup`, `hold`, `drain`, `bake`, `keepalive`, `timeout`, `limit`, `stale_assets`, `tls`, `label`, `log`, `extends`, `protected`, `service`

error: unknown key `headers` in `[env.a]`
 --> proxy.toml:6:1
  |
6 | headers.request.X-A = "1"
  | ^^^^^^^ expected one of `host`, `path`, `strip_prefix`, `blue`, `green`, `upstream`, `health`, `warmup`, `hold`, `drain`, `bake`, `keepalive`, `timeout`, `limit`, `stale_assets`, `tls`, `label`, `log`, `extends`, `protected`, `service`

error: unknown key `security_headers` in `[env.a]`
 --> proxy.toml:7:1
  |
7 | security_headers = true
  | ^^^^^^^^^^^^^^^^ expected one of `host`, `path`, `strip_prefix`, `blue`, `green`, `upstream`, `health`, `warmup`, `hold`, `drain`, `bake`, `keepalive`, `timeout`, `limit`, `stale_assets`, `tls`, `label`, `log`, `extends`, `protected`, `service`

error: unknown key `compress` in `[env.a]`
 --> proxy.toml:8:1
  |
8 | compress = true
  | ^^^^^^^^ expected one of `host`, `path`, `strip_prefix`, `blue`, `green`, `upstream`, `health`, `warmup`, `hold`, `drain`, `bake`, `keepalive`, `timeout`, `limit`, `stale_assets`, `tls`, `label`, `log`, `extends`, `protected`, `service`

error: unknown key `require_healthy` in `[env.a]`
 --> proxy.toml:9:1
  |
9 | require_healthy = "dev"
  | ^^^^^^^^^^^^^^^ expected one of `host`, `path`, `strip_prefix`, `blue`, `green`, `upstream`, `health`, `warmup`, `hold`, `drain`, `bake`, `keepalive`, `timeout`, `limit`, `stale_assets`, `tls`, `label`, `log`, `extends`, `protected`, `service`

error: unknown key `deploy` in `[env.a]`
  --> proxy.toml:10:1
   |
10 | deploy.start = "x"
   | ^^^^^^ expected one of `host`, `path`, `strip_prefix`, `blue`, `green`, `upstream`, `health`, `warmup`, `hold`, `drain`, `bake`, `keepalive`, `timeout`, `limit`, `stale_assets`, `tls`, `label`, `log`, `extends`, `protected`, `service`
"##,
    );
}

#[test]
fn listeners_of_later_versions_are_unknown_keys_of_server() {
    refused(
        r##"
[server]
metrics = "127.0.0.1:9100"
dashboard = true
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: unknown key `metrics` in `[server]`
 --> proxy.toml:2:1
  |
2 | metrics = "127.0.0.1:9100"
  | ^^^^^^^ expected one of `http`, `https`, `socket`, `group`, `state_dir`, `workers`, `trusted_proxies`, `proxy_protocol`, `max_connections`, `max_connections_per_client`, `access_log`

error: unknown key `dashboard` in `[server]`
 --> proxy.toml:3:1
  |
3 | dashboard = true
  | ^^^^^^^^^ expected one of `http`, `https`, `socket`, `group`, `state_dir`, `workers`, `trusted_proxies`, `proxy_protocol`, `max_connections`, `max_connections_per_client`, `access_log`
"##,
    );
}

#[test]
fn a_value_where_a_table_belongs_shows_a_key_of_it() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
bake = "30s"
"##,
        r##"
error: `bake` has to be a table, not a text
 --> proxy.toml:4:8
  |
4 | bake = "30s"
  |        ^^^^^ expected a table of keys
  |
  = hint: write a key of it, as `bake.for = …`
"##,
    );
}

#[test]
fn tables_have_to_be_tables() {
    refused(
        r##"
defaults = 1
env = 2
server = 3
redirect = 4
"##,
        r##"
error: `defaults` has to be a table, not an integer
 --> proxy.toml:1:12
  |
1 | defaults = 1
  |            ^ expected `[defaults]`

error: `env` has to be a table, not an integer
 --> proxy.toml:2:7
  |
2 | env = 2
  |       ^ expected `[env.NAME]`

error: `server` has to be a table, not an integer
 --> proxy.toml:3:10
  |
3 | server = 3
  |          ^ expected `[server]`

error: `redirect` has to be a table, not an integer
 --> proxy.toml:4:12
  |
4 | redirect = 4
  |            ^ expected `[redirect]` with `"HOST" = "https://HOST"`
"##,
    );
}

#[test]
fn environments_and_services_have_to_be_tables() {
    refused(
        r##"
env.a = 1
env.b.service = 2
env.c.service.web = 3
"##,
        r##"
error: `env.a` has to be a table, not an integer
 --> proxy.toml:1:9
  |
1 | env.a = 1
  |         ^ expected `[env.a]` with its keys

error: `service` has to be a table, not an integer
 --> proxy.toml:2:17
  |
2 | env.b.service = 2
  |                 ^ expected `[env.b.service.NAME]`

error: `service.web` has to be a table, not an integer
 --> proxy.toml:3:21
  |
3 | env.c.service.web = 3
  |                     ^ expected `[env.c.service.NAME]`
"##,
    );
}

#[test]
fn names_are_short_and_lower_case() {
    refused(
        r##"
[env.Prod]
host = "a.com"
upstream = 3000
[env."a b".service.web]
host = "b.com"
upstream = 3001
[env.c.service."wéb"]
host = "c.com"
upstream = 3002
"##,
        r##"
error: `Prod` cannot name an environment
 --> proxy.toml:1:6
  |
1 | [env.Prod]
  |      ^^^^ expected 1 to 32 of `a` to `z`, `0` to `9`, `-` and `_`

error: `a b` cannot name an environment
 --> proxy.toml:4:6
  |
4 | [env."a b".service.web]
  |      ^^^^^ expected 1 to 32 of `a` to `z`, `0` to `9`, `-` and `_`

error: `wéb` cannot name a service
 --> proxy.toml:7:16
  |
7 | [env.c.service."wéb"]
  |                ^^^^^ expected 1 to 32 of `a` to `z`, `0` to `9`, `-` and `_`
"##,
    );
}

#[test]
fn a_name_has_at_most_32_characters() {
    refused(
        r##"
[env.a23456789012345678901234567890123]
host = "a.com"
upstream = 3000
"##,
        r##"
error: `a23456789012345678901234567890123` cannot name an environment
 --> proxy.toml:1:6
  |
1 | [env.a23456789012345678901234567890123]
  |      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected 1 to 32 of `a` to `z`, `0` to `9`, `-` and `_`
"##,
    );
}

#[test]
fn every_syntax_error_is_shown() {
    refused(
        r##"
[env.a]
host = example.com
upstream = 3000
health.interval = 5s
[env.b
host = "b.com"
upstream = 3001
"##,
        r##"
error: string values must be quoted
 --> proxy.toml:2:8
  |
2 | host = example.com
  |        ^^^^^^^^^^^ expected quotes around this
  |
  = hint: texts, durations and sizes stand in quotes: `"5s"`

error: string values must be quoted
 --> proxy.toml:4:19
  |
4 | health.interval = 5s
  |                   ^^ expected quotes around this
  |
  = hint: texts, durations and sizes stand in quotes: `"5s"`

error: unclosed table
 --> proxy.toml:5:7
  |
5 | [env.b
  |       ^ expected `]`
"##,
    );
}

#[test]
fn a_key_that_stands_twice_is_a_syntax_error() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
host = "b.com"
"##,
        r##"
error: `host` stands here twice
 --> proxy.toml:4:1
  |
4 | host = "b.com"
  | ^^^^ again here
"##,
    );
}

#[test]
fn a_table_that_stands_twice_is_a_syntax_error() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[env.a]
host = "a.com"
upstream = 3000
"##,
        r##"
error: `a` stands here twice
 --> proxy.toml:4:6
  |
4 | [env.a]
  |      ^ again here

error: `host` stands here twice
 --> proxy.toml:5:1
  |
5 | host = "a.com"
  | ^^^^ again here

error: `upstream` stands here twice
 --> proxy.toml:6:1
  |
6 | upstream = 3000
  | ^^^^^^^^ again here
"##,
    );
}

#[test]
fn an_empty_file_says_how_little_it_takes() {
    refused(
        r##"
"##,
        r##"
error: the file names no environment
--> proxy.toml
 = hint: three lines serve a site: `[env.prod]`, `host = "example.com"`, `upstream = 3000`
"##,
    );
}

#[test]
fn a_file_of_comments_says_how_little_it_takes() {
    refused(
        r##"
# nothing yet
"##,
        r##"
error: the file names no environment
 --> proxy.toml:1:1
  |
1 | # nothing yet
  | ^
  |
  = hint: three lines serve a site: `[env.prod]`, `host = "example.com"`, `upstream = 3000`
"##,
    );
}

#[test]
fn everything_is_shown_at_once_in_the_order_of_the_file() {
    refused(
        r##"
[env.prod]
host = "a.com"
upstream = 443
colour = "red"

[defaults]
health.interval = 5
drain.requests = "10s"

[env.dev]
host = "A.com"
blue = 3000
"##,
        r##"
error: `127.0.0.1:443` is the proxy itself
 --> proxy.toml:3:12
  |
3 | upstream = 443
  |            ^^^ expected an address where an app listens
  |
  = hint: the proxy listens on `[::]:443`

error: unknown key `colour` in `[env.prod]`
 --> proxy.toml:4:1
  |
4 | colour = "red"
  | ^^^^^^ expected one of `host`, `path`, `strip_prefix`, `blue`, `green`, `upstream`, `health`, `warmup`, `hold`, `drain`, `bake`, `keepalive`, `timeout`, `limit`, `stale_assets`, `tls`, `label`, `log`, `extends`, `protected`, `service`

error: `health.interval` has to be a duration, not an integer
 --> proxy.toml:7:19
  |
7 | health.interval = 5
  |                   ^ expected a number and a unit, as `"500ms"`, `"5s"`, `"5m"` or `"1h 30m"`
  |
  = hint: write `"5s"`

warning: `drain.requests` (10 s) is shorter than `timeout.response` (60 s)
 --> proxy.toml:8:7
  |
8 | drain.requests = "10s"
  |       ^^^^^^^^
  |
  = hint: a request that was sent just before a swap may be cut off while it still waits for its answer

error: two services answer to `a.com` with the path `/`
  --> proxy.toml:11:8
   |
 2 | host = "a.com"
   |        ------- first here
...
11 | host = "A.com"
   |        ^^^^^^^ again here
   |
   = hint: give one of them another `host`, or a `path` such as `"/api"`

error: `dev` has `blue` but no `green`
  --> proxy.toml:12:1
   |
12 | blue = 3000
   | ^^^^ `green` is missing beside this
   |
   = hint: write `green = PORT`; a service that is never swapped says `upstream` instead
"##,
    );
}

#[test]
fn a_wrong_default_is_named_once() {
    refused(
        r##"
[defaults]
health.path = "up"
[env.a]
host = "a.com"
upstream = 3000
[env.b]
host = "b.com"
upstream = 3001
"##,
        r##"
error: `up` is not a path
 --> proxy.toml:2:15
  |
2 | health.path = "up"
  |               ^^^^ expected a path that starts with `/`, as `"/health"`
"##,
    );
}

#[test]
fn a_wrong_value_is_not_called_missing() {
    refused(
        r##"
[env.a]
host = 1
blue = "x"
green = 3001
"##,
        r##"
error: `host` has to be a text, not an integer
 --> proxy.toml:2:8
  |
2 | host = 1
  |        ^ expected a text in quotes

error: `x` is not an address
 --> proxy.toml:3:8
  |
3 | blue = "x"
  |        ^^^ expected a port (`3000`), `"host:port"`, `"unix:/run/app.sock"`, or a list of these
"##,
    );
}
