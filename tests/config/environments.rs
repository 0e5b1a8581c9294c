//! Environments, and how they extend one another.

use super::refused;

#[test]
fn an_environment_has_services() {
    refused(
        r##"
[env.a]
protected = true
[env.b.service]
"##,
        r##"
error: environment `a` has no services
 --> proxy.toml:1:6
  |
1 | [env.a]
  |      ^ expected `host` and `upstream`, or `blue` and `green`
  |
  = hint: write them under `[env.a]`, or under `[env.a.service.NAME]`

error: environment `b` has no services
 --> proxy.toml:3:6
  |
3 | [env.b.service]
  |      ^ expected `host` and `upstream`, or `blue` and `green`
  |
  = hint: write them under `[env.b]`, or under `[env.b.service.NAME]`
"##,
    );
}

#[test]
fn the_short_form_and_services_do_not_mix() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[env.a.service.web]
host = "b.com"
upstream = 3001
"##,
        r##"
error: `host` stands beside services
 --> proxy.toml:2:1
  |
2 | host = "a.com"
  | ^^^^ the short form here
3 | upstream = 3000
4 | [env.a.service.web]
  |        ------- services here
  |
  = hint: move `host` under `[env.a.service.NAME]`
"##,
    );
}

#[test]
fn an_environment_extends_one_that_is_there() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[env.b]
extends = "aa"
"##,
        r##"
error: there is no environment `aa`
 --> proxy.toml:5:11
  |
5 | extends = "aa"
  |           ^^^^ expected another environment of this file
  |
  = hint: did you mean `a`?
"##,
    );
}

#[test]
fn an_environment_does_not_extend_itself() {
    refused(
        r##"
[env.a]
extends = "a"
"##,
        r##"
error: environment `a` extends itself
 --> proxy.toml:2:11
  |
2 | extends = "a"
  |           ^^^ expected another environment of this file
"##,
    );
}

#[test]
fn environments_do_not_extend_in_circles() {
    refused(
        r##"
[env.a]
extends = "b"
[env.b]
extends = "c"
[env.c]
extends = "a"
"##,
        r##"
error: environment `a` extends itself through `c`
 --> proxy.toml:6:11
  |
6 | extends = "a"
  |           ^^^ expected an environment that does not lead back
"##,
    );
}

#[test]
fn an_inherited_service_says_where_it_runs() {
    refused(
        r##"
[env.prod.service.web]
host = "a.com"
upstream = 3000
[env.prod.service.api]
host = "b.com"
upstream = 3001
[env.st]
extends = "prod"
[env.st.service.web]
host = "st.com"
upstream = 4000
"##,
        r##"
error: environment `st` extends `prod` but does not say where `api` runs
 --> proxy.toml:8:11
  |
8 | extends = "prod"
  |           ^^^^^^ its services come from here
  |
  = hint: write `host` and `upstream`, or `blue` and `green`, under `[env.st.service.api]`
"##,
    );
}

#[test]
fn all_inherited_services_are_named_at_once() {
    refused(
        r##"
[env.prod.service.web]
host = "a.com"
upstream = 3000
[env.prod.service.api]
host = "b.com"
upstream = 3001
[env.st]
extends = "prod"
"##,
        r##"
error: environment `st` extends `prod` but does not say where `web` and `api` run
 --> proxy.toml:8:11
  |
8 | extends = "prod"
  |           ^^^^^^ its services come from here
  |
  = hint: write `host` and `upstream`, or `blue` and `green`, under `[env.st.service.web]`
"##,
    );
}

#[test]
fn an_inherited_service_has_a_host_of_its_own() {
    refused(
        r##"
[env.prod.service.web]
host = "a.com"
upstream = 3000
[env.prod.service.api]
host = "b.com"
upstream = 3001
[env.st]
extends = "prod"
[env.st.service.web]
upstream = 4000
[env.st.service.api]
host = "st.com"
"##,
        r##"
error: `web` of `st` has no `host`
 --> proxy.toml:9:17
  |
9 | [env.st.service.web]
  |                 ^^^ expected `host` in this table
  |
  = hint: write `host = "example.com"`

error: `api` of `st` does not say where it runs
  --> proxy.toml:11:17
   |
11 | [env.st.service.api]
   |                 ^^^ expected `upstream`, or `blue` and `green`, in this table
   |
   = hint: write `blue = 3000` and `green = 3001`, or `upstream = 3000` for what is never swapped
"##,
    );
}

#[test]
fn an_inherited_short_form_says_where_it_runs() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[env.b]
extends = "a"
"##,
        r##"
error: environment `b` extends `a` but does not say where it runs
 --> proxy.toml:5:11
  |
5 | extends = "a"
  |           ^^^ its services come from here
  |
  = hint: write `host` and `upstream`, or `blue` and `green`, under `[env.b]`
"##,
    );
}

#[test]
fn an_inherited_short_form_has_no_services() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[env.b]
extends = "a"
[env.b.service.web]
host = "b.com"
upstream = 3001
"##,
        r##"
error: environment `b` extends `a`, which has no named services, but names some itself
 --> proxy.toml:5:11
  |
5 | extends = "a"
  |           ^^^ its services come from here
6 | [env.b.service.web]
  |        ------- named here
  |
  = hint: write `host` and where it runs directly under `[env.b]`
"##,
    );
}

#[test]
fn extends_names_an_environment() {
    refused(
        r##"
[env.a]
host = "a.com"
upstream = 3000
[env.b]
extends = ["a"]
"##,
        r##"
error: `extends` has to be a text, not a list
 --> proxy.toml:5:11
  |
5 | extends = ["a"]
  |           ^^^^^ expected a text in quotes
"##,
    );
}
