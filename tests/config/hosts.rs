//! Hosts and redirects.

use super::refused;

#[test]
fn a_host_is_no_url() {
    refused(
        r##"
[env.a]
host = "https://example.com/"
upstream = 3000
"##,
        r##"
error: `https://example.com/` is a URL
 --> proxy.toml:2:8
  |
2 | host = "https://example.com/"
  |        ^^^^^^^^^^^^^^^^^^^^^^ expected a host name, as `"example.com"` or `"*.example.com"`
  |
  = hint: write `"example.com"`
"##,
    );
}

#[test]
fn a_host_has_no_port() {
    refused(
        r##"
[env.a]
host = "example.com:8443"
upstream = 3000
"##,
        r##"
error: `example.com:8443` has a port
 --> proxy.toml:2:8
  |
2 | host = "example.com:8443"
  |        ^^^^^^^^^^^^^^^^^^ expected a host name, as `"example.com"` or `"*.example.com"`
  |
  = hint: write `"example.com"`; ports are `[server].http` and `[server].https`
"##,
    );
}

#[test]
fn a_host_has_no_path() {
    refused(
        r##"
[env.a]
host = "example.com/api"
upstream = 3000
"##,
        r##"
error: `example.com/api` has a path
 --> proxy.toml:2:8
  |
2 | host = "example.com/api"
  |        ^^^^^^^^^^^^^^^^^ expected a host name, as `"example.com"` or `"*.example.com"`
  |
  = hint: write `host = "example.com"` and `path = "/api"`
"##,
    );
}

#[test]
fn a_host_is_written_in_punycode() {
    refused(
        r##"
[env.a]
host = "münchen.de"
upstream = 3000
"##,
        r##"
error: `münchen.de` is not in ASCII
 --> proxy.toml:2:8
  |
2 | host = "münchen.de"
  |        ^^^^^^^^^^^^ expected a host name, as `"example.com"` or `"*.example.com"`
  |
  = hint: write an international name in punycode, as `"xn--mnchen-3ya.de"`
"##,
    );
}

#[test]
fn a_wildcard_is_the_whole_first_label() {
    refused(
        r##"
[env.a]
host = ["*", "a.*.com", "a*.com"]
upstream = 3000
"##,
        r##"
error: `*` has a `*` that is not the whole first label
 --> proxy.toml:2:9
  |
2 | host = ["*", "a.*.com", "a*.com"]
  |         ^^^ expected a host name, as `"example.com"` or `"*.example.com"`
  |
  = hint: a wildcard stands for exactly one label: `"*.example.com"`

error: `a.*.com` has a `*` that is not the whole first label
 --> proxy.toml:2:14
  |
2 | host = ["*", "a.*.com", "a*.com"]
  |              ^^^^^^^^^ expected a host name, as `"example.com"` or `"*.example.com"`
  |
  = hint: a wildcard stands for exactly one label: `"*.example.com"`

error: `a*.com` has a `*` that is not the whole first label
 --> proxy.toml:2:25
  |
2 | host = ["*", "a.*.com", "a*.com"]
  |                         ^^^^^^^^ expected a host name, as `"example.com"` or `"*.example.com"`
  |
  = hint: a wildcard stands for exactly one label: `"*.example.com"`
"##,
    );
}

#[test]
fn a_host_is_a_name_of_the_dns() {
    refused(
        r##"
[env.a]
host = ["a b", "a..b", "-a.com", "1.2.3"]
upstream = 3000
"##,
        r##"
error: `a b` has a character that stands in no host name
 --> proxy.toml:2:9
  |
2 | host = ["a b", "a..b", "-a.com", "1.2.3"]
  |         ^^^^^ expected a host name, as `"example.com"` or `"*.example.com"`

error: `a..b` has an empty or too long label
 --> proxy.toml:2:16
  |
2 | host = ["a b", "a..b", "-a.com", "1.2.3"]
  |                ^^^^^^ expected a host name, as `"example.com"` or `"*.example.com"`

error: `-a.com` has a label that starts or ends with `-`
 --> proxy.toml:2:24
  |
2 | host = ["a b", "a..b", "-a.com", "1.2.3"]
  |                        ^^^^^^^^ expected a host name, as `"example.com"` or `"*.example.com"`

error: `1.2.3` is no valid IP address
 --> proxy.toml:2:34
  |
2 | host = ["a b", "a..b", "-a.com", "1.2.3"]
  |                                  ^^^^^^^ expected a host name, as `"example.com"` or `"*.example.com"`
"##,
    );
}

#[test]
fn a_list_of_hosts_is_not_empty() {
    refused(
        r##"
[env.a]
host = []
upstream = 3000
"##,
        r##"
error: `host` is an empty list
 --> proxy.toml:2:8
  |
2 | host = []
  |        ^^ expected a host name, as `"example.com"` or `"*.example.com"`
"##,
    );
}

#[test]
fn a_host_is_a_text() {
    refused(
        r##"
[env.a]
host = 3000
upstream = 3000
"##,
        r##"
error: `host` has to be a text, not an integer
 --> proxy.toml:2:8
  |
2 | host = 3000
  |        ^^^^ expected a text in quotes
"##,
    );
}

#[test]
fn a_host_stands_once_in_a_list() {
    refused(
        r##"
[env.a]
host = ["a.com", "A.com."]
upstream = 3000
"##,
        r##"
error: `host` names this twice
 --> proxy.toml:2:18
  |
2 | host = ["a.com", "A.com."]
  |         -------  ^^^^^^^^
  |         |
  |         first here
"##,
    );
}

#[test]
fn wildcards_alone_need_a_host_for_probes() {
    refused(
        r##"
[env.a]
host = "*.a.com"
upstream = 3000
tls = "off"
"##,
        r##"
error: with wildcards alone a probe does not know which host to ask for
 --> proxy.toml:2:1
  |
2 | host = "*.a.com"
  | ^^^^ no host without `*` here
  |
  = hint: write `health.host = "www.example.com"`, a host that the app answers to
"##,
    );
}

#[test]
fn two_services_with_one_host_and_path_are_shown_together() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000

[env.b]
host = ["b.com", "A.com"]
upstream = 3001
"##,
        r##"
error: two services answer to `a.com` with the path `/`
 --> proxy.toml:6:18
  |
2 | host = "a.com"
  |        ------- first here
...
6 | host = ["b.com", "A.com"]
  |                  ^^^^^^^ again here
  |
  = hint: give one of them another `host`, or a `path` such as `"/api"`
"##,
    );
}

#[test]
fn two_services_with_one_host_and_path_are_shown_in_one_environment() {
    refused(
        r##"
[env.a.service.web]
host = "a.com"
path = "/api/"
upstream = 3000

[env.a.service.api]
host = "a.com"
path = "/api"
upstream = 3001
"##,
        r##"
error: two services answer to `a.com` with the path `/api`
 --> proxy.toml:7:8
  |
2 | host = "a.com"
  |        ------- first here
...
7 | host = "a.com"
  |        ^^^^^^^ again here
  |
  = hint: give one of them another `host`, or a `path` such as `"/api"`
"##,
    );
}

#[test]
fn one_host_has_one_kind_of_certificate() {
    refused(
        r##"
[env.a.service.web]
host = "a.com"
upstream = 3000
[env.a.service.api]
host = "a.com"
path = "/api"
upstream = 3001
tls = "off"
"##,
        r##"
error: services with the host `a.com` differ in `tls`
 --> proxy.toml:5:8
  |
2 | host = "a.com"
  |        ------- another here
...
5 | host = "a.com"
  |        ^^^^^^^ one `tls` here
  |
  = hint: a host has one certificate: give both services the same `tls`
"##,
    );
}

#[test]
fn a_redirected_host_is_not_served() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[redirect]
"A.com" = "https://b.com"
"##,
        r##"
error: `a.com` is redirected and served
 --> proxy.toml:5:1
  |
2 | host = "a.com"
  |        ------- served here
...
5 | "A.com" = "https://b.com"
  | ^^^^^^^ redirected here
  |
  = hint: take it out of `[redirect]`, or out of the service's `host`
"##,
    );
}

#[test]
fn a_redirect_has_a_scheme() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[redirect]
"www.a.com" = "a.com"
"##,
        r##"
error: `a.com` has no scheme
 --> proxy.toml:5:15
  |
5 | "www.a.com" = "a.com"
  |               ^^^^^^^ expected a scheme and a host, as `"https://example.com"`
  |
  = hint: write `"https://a.com"`
"##,
    );
}

#[test]
fn a_redirect_leads_to_http_or_https() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[redirect]
"www.a.com" = "ftp://a.com"
"##,
        r##"
error: `ftp://a.com` has a scheme that is neither `http` nor `https`
 --> proxy.toml:5:15
  |
5 | "www.a.com" = "ftp://a.com"
  |               ^^^^^^^^^^^^^ expected a scheme and a host, as `"https://example.com"`
"##,
    );
}

#[test]
fn a_redirect_has_no_path() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[redirect]
"www.a.com" = "https://a.com/"
"##,
        r##"
error: `https://a.com/` has a path or a query
 --> proxy.toml:5:15
  |
5 | "www.a.com" = "https://a.com/"
  |               ^^^^^^^^^^^^^^^^ expected a scheme and a host, as `"https://example.com"`
  |
  = hint: path and query of the request are kept: write `"https://a.com"`
"##,
    );
}

#[test]
fn a_redirect_leads_to_a_host() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[redirect]
"www.a.com" = "https://user@a.com"
"w.a.com" = "https://a.com:0"
"##,
        r##"
error: `user@a.com` has a character that stands in no host name
 --> proxy.toml:5:15
  |
5 | "www.a.com" = "https://user@a.com"
  |               ^^^^^^^^^^^^^^^^^^^^ expected a host name, as `"example.com"`

error: `https://a.com:0` has no port between 1 and 65535
 --> proxy.toml:6:13
  |
6 | "w.a.com" = "https://a.com:0"
  |             ^^^^^^^^^^^^^^^^^ expected a scheme and a host, as `"https://example.com"`
"##,
    );
}

#[test]
fn a_redirect_is_of_one_host() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[redirect]
"*.a.com" = "https://a.com"
"##,
        r##"
error: `*.a.com` is a wildcard
 --> proxy.toml:5:1
  |
5 | "*.a.com" = "https://a.com"
  | ^^^^^^^^^ expected a host name, as `"example.com"`
"##,
    );
}

#[test]
fn the_host_of_a_redirect_stands_in_quotes() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[redirect]
www.a.com = "https://a.com"
"##,
        r##"
error: the host of a redirect stands in quotes
 --> proxy.toml:5:1
  |
5 | www.a.com = "https://a.com"
  | ^^^ expected a text in quotes
  |
  = hint: write `"www.example.com" = "https://example.com"`
"##,
    );
}

#[test]
fn a_redirect_is_a_text() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[redirect]
"www.a.com" = 308
"##,
        r##"
error: `www.a.com` has to be a text, not an integer
 --> proxy.toml:5:15
  |
5 | "www.a.com" = 308
  |               ^^^ expected a text in quotes
"##,
    );
}

#[test]
fn a_host_is_redirected_once() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[redirect]
"www.a.com" = "https://a.com"
"WWW.a.com" = "https://a.com"
"##,
        r##"
error: `www.a.com` is redirected twice
 --> proxy.toml:6:1
  |
5 | "www.a.com" = "https://a.com"
  | ----------- first here
6 | "WWW.a.com" = "https://a.com"
  | ^^^^^^^^^^^ again here
"##,
    );
}

#[test]
fn redirects_do_not_lead_in_circles() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[redirect]
"b.com" = "https://c.com"
"c.com" = "https://B.com"
"d.com" = "http://d.com"
"e.com" = "https://e.com:9443"
"##,
        r##"
error: the redirect of `b.com` leads back to it
 --> proxy.toml:5:11
  |
5 | "b.com" = "https://c.com"
  |           ^^^^^^^^^^^^^^^ expected another host

error: the redirect of `c.com` leads back to it
 --> proxy.toml:6:11
  |
6 | "c.com" = "https://B.com"
  |           ^^^^^^^^^^^^^^^ expected another host

error: the redirect of `d.com` leads back to it
 --> proxy.toml:7:11
  |
7 | "d.com" = "http://d.com"
  |           ^^^^^^^^^^^^^^ expected another host
"##,
    );
}
