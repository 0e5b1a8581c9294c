//! Rules about paths that no prefix and no ending says: what is closed in their place, where, and what is told of it.

use crate::seen::Seen::{self, App, Closed, File, Nobody};
use crate::{Made, caddy, nginx};

const SPELLINGS: &[&[&str]] = &[
    &[
        r"/\.",
        r"(^|/)\.",
        r"(?:^|/)\.",
        r"\/\.",
        r"/[.]",
        r"^(.*)/\.",
        r"/\.\w*",
    ],
    &[r"~$", r"^.*~$", r"(.+)~$", r"(?:~)$", r"[~]\z"],
    &[
        r"/(\.env|composer\.json)$",
        r"/(?:composer\.json|\.env)$",
        r"^.*/(\.env|composer[.]json)$",
    ],
    &[
        r"^/(?:build|data)(?:$|/)",
        r"^/(data|build)(/|$)",
        r"^/(data|build)(/.*)?$",
        r"^/(?:data|build)(?:/|$)",
    ],
    &[
        r"/(?:uploads|files)/.*\.php$",
        r"/(files|uploads)/.+[.]php$",
        r"^.*/(uploads|files)/(.*)\.php$",
    ],
    &[r"^/a/[0-9]+/b", r"^/a/\d+/b", r"^\/a\/([0-9]{1,3})\/b"],
];

const PATHS: &[&str] = &[
    "/",
    "/index.html",
    "/a.css",
    "/.env",
    "/x/.git/config",
    "/a.txt~",
    "/composer.json",
    "/x/composer.json",
    "/build",
    "/data/x",
    "/database",
    "/uploads/x.php",
    "/index.php",
    "/a/1/b",
    "/a/x",
    "/b",
];

fn folder(rule: &str) -> Made {
    nginx(&format!("server {{ server_name a.com; root /srv;\n{rule} }}"))
}

fn app(rule: &str) -> Made {
    nginx(&format!(
        "server {{ server_name a.com; location / {{ proxy_pass http://127.0.0.1:3000; }}\n{rule} }}"
    ))
}

fn all(made: &Made) -> Vec<Seen> {
    PATHS.iter().map(|path| made.seen(&format!("a.com{path}"))).collect()
}

#[test]
fn however_a_pattern_is_spelt_the_same_is_closed() {
    for spellings in SPELLINGS {
        for kept in ["deny all;", "return 404;", "return 403;", "internal;"] {
            for site in [folder, app] {
                let first = all(&site(&format!("location ~ \"{}\" {{ {kept} }}", spellings[0])));
                for other in *spellings {
                    let made = site(&format!("location ~ \"{other}\" {{ {kept} }}"));
                    assert_eq!(all(&made), first, "{other} {kept}\n{}", made.text);
                    // The first page stays what it was.
                    assert!(matches!(first[0], File | App), "{other} {kept}\n{}", made.text);
                }
            }
        }
    }
}

#[test]
fn a_folder_gives_nothing_away_that_was_denied() {
    for (rule, denied) in [
        (r"~ /\.", "/x/.git/config"),
        (r"~ ~$", "/a.txt~"),
        (r"~ /(\.env|composer\.json)$", "/x/composer.json"),
        (r"~* /(?:uploads|files)/.*\.php$", "/x/uploads/y/z.php"),
        (r"~ ^/(?:build|data)(?:$|/)", "/data/x"),
        (r"~ ^/a/[0-9]+/b", "/a/1/b"),
        (r"~ ^/user[0-9]+", "/user1"),
        (r"~ secret", "/a/secret/b"),
        (r"~ (unclosed", "/anything"),
        (r"~ ^/(\w+)/private", "/x/private"),
        (r"~ ^/db_", "/db_structure.xml"),
        (r"^~ /private/", "/private/x"),
        ("= /x", "/x"),
    ] {
        for kept in ["deny all;", "return 403;", "return 404;", "return 444;", "return 503;"] {
            let made = folder(&format!("location {rule} {{ {kept} }}"));
            let seen = made.seen(&format!("a.com{denied}"));
            assert!(
                matches!(seen, Closed | Nobody),
                "{rule} {kept}: {seen:?}\n{}",
                made.text
            );
        }
    }
}

#[test]
fn names_that_go_on_behind_a_closed_path_are_told_of_a_folder() {
    for rule in ["/data", "~ ^/data", "~ ^/(data|x)", "^~ /data"] {
        let rule = format!("location {rule} {{ deny all; }}");
        let made = folder(&rule);
        made.shows(&[("a.com/data/x", Closed), ("a.com/database", File)]);
        assert!(made.tells("names that go on behind `/data"), "{rule}: {}", made.text);
        assert_eq!(app(&rule).looks, 0, "{rule}: {}", app(&rule).text);
    }
    for rule in ["/data/", "= /data", "~ ^/data/", "~ ^/data(/|$)", "~ ^/data$"] {
        let made = folder(&format!("location {rule} {{ deny all; }}"));
        assert_eq!(
            (made.seen("a.com/data"), made.looks),
            (Closed, 0),
            "{rule}: {}",
            made.text
        );
    }
}

#[test]
fn an_app_is_not_closed_as_a_whole_and_a_note_says_what_is_not_closed() {
    for rule in [
        r"~ secret",
        r"~ ^/user[0-9]+",
        r"~ (unclosed",
        r"~ /(?:uploads|files)/.*\.php$",
    ] {
        let made = app(&format!("location {rule} {{ deny all; }}"));
        made.shows(&[("a.com/", App), ("a.com/index.php", App)]);
        assert!(made.looks == 1 && made.says("nginx.conf:2"), "{rule}: {}", made.text);
        assert!(made.tells("is not closed there"), "{rule}: {}", made.text);
    }
    // What was about all of it, or all but some, closes all of it.
    for rule in ["~ ^/", "~ .*", "~ ^/(.*)$", "~ ^/(?!public)"] {
        let made = app(&format!("location {rule} {{ deny all; }}"));
        assert_eq!(made.seen("a.com/x"), Closed, "{rule}: {}", made.text);
        assert!(made.tells("all of `/` is kept from clients"), "{rule}: {}", made.text);
    }
    // What stands beside it is closed all the same.
    let made = app(r"location ~ (^/(tmp|db_)|~$) { deny all; }");
    made.shows(&[("a.com/", App), ("a.com/tmp/x", Closed), ("a.com/x~", Closed)]);
    assert!(made.tells("is not closed there"), "{}", made.text);
}

#[test]
fn that_there_is_nothing_keeps_nobody_out_of_more_than_that() {
    let rule = |kept: &str| app(&format!("location ~ ^/user/[0-9]+/x {{ {kept} }}"));
    assert_eq!(rule("deny all;").seen("a.com/user/me"), Closed);
    let made = rule("return 404;");
    assert_eq!(made.seen("a.com/user/me"), App, "{}", made.text);
    assert!(made.tells("is not closed there"), "{}", made.text);
    // A first page that is not there is none of the pages below it.
    let made = app("location = / { return 404; }");
    made.shows(&[("a.com/x", App)]);
    // A server that answers so before it looks for locations has none.
    let made = nginx("server { server_name a.com; return 503; location / { proxy_pass http://127.0.0.1:3000; } }");
    made.shows(&[("a.com/", Nobody)]);
}

#[test]
fn a_whole_that_is_closed_is_told_as_a_whole() {
    let made = folder("location ~ secret { deny all; }");
    made.shows(&[("a.com/", Closed)]);
    assert!(made.tells("all of `/` is kept from clients"), "{}", made.text);
    let made = caddy(
        "a.com {\n\thandle /api/* {\n\t\treverse_proxy localhost:1\n\t}\n\thandle {\n\t\trespond 404\n\t}\n\treverse_proxy localhost:2\n}\n",
    );
    made.shows(&[("a.com/api/x", App), ("a.com/x", Closed)]);
    assert!(made.tells("all of `/` is kept from clients"), "{}", made.text);
}

#[test]
fn no_part_opens_what_is_closed_as_a_whole() {
    let made = folder(
        "location ~ secret { deny all; }
         location /open { allow all; } location /cached { expires 1h; } location /limited { client_max_body_size 1m; }
         location /office { allow 10.0.0.0/8; deny all; } location ~ \\.js$ { expires 1h; }",
    );
    for path in ["/", "/open", "/cached", "/limited", "/office", "/x.js", "/open/secret"] {
        assert_eq!(made.seen(&format!("a.com{path}")), Closed, "{path}\n{}", made.text);
    }
    assert!(!made.text.contains("auth.allow = \"off\""), "{}", made.text);
    assert!(!made.text.contains("10.0.0.0/8"), "{}", made.text);
    // Nor does what another expression asks for.
    let made = folder(
        "location ~ ^/a/[0-9]+/b { allow 10.0.0.0/8; deny all; } location ~ secret { deny all; }
         location ~ ^/c/[0-9]+/d { allow 10.0.0.0/8; deny all; }",
    );
    assert!(!made.text.contains("10.0.0.0/8"), "{}", made.text);
    // A part of it neither.
    let made = folder(
        "allow 10.0.0.0/8; deny all; location /a/x { deny all; } location ~ ^/a/[0-9]+/b { allow 192.0.2.0/24; deny all; }",
    );
    let last = made.text.rfind("path = \"/a\"").unwrap();
    assert!(!made.text[last..].contains("10.0.0.0/8"), "{}", made.text);
}

#[test]
fn what_is_exempt_around_it_is_not_exempt_from_a_closed_part() {
    for kept in [
        "respond /public/secret/* 403",
        "@s path_regexp /public/s[0-9]+\n\trespond @s 403",
        "@b path *.bak\n\trespond @b 403",
    ] {
        let made = caddy(&format!(
            "a.com {{\n\troot * /srv\n\tfile_server\n\t@x not path /public/*\n\tbasic_auth @x {{\n\t\ta x\n\t}}\n\t{kept}\n}}\n"
        ));
        for path in ["/public/secret/x", "/public/s1", "/public/x.bak"] {
            let is_kept = (kept.contains("secret") && path.contains("secret"))
                || (kept.contains("s[0-9]") && path.contains("s1"))
                || (kept.contains("bak") && path.contains("bak"));
            let expected = if is_kept { Closed } else { File };
            // What no path says is closed with all that may be it.
            if is_kept || !kept.contains("s[0-9]") {
                assert_eq!(
                    made.seen(&format!("a.com{path}")),
                    expected,
                    "{kept} {path}\n{}",
                    made.text
                );
            }
        }
    }
}

#[test]
fn all_but_some_paths_is_all_but_these() {
    for answer in ["respond @x 403", "abort @x", "handle @x {\n\t\trespond 403\n\t}"] {
        let made = caddy(&format!(
            "a.com {{\n\t@x not path /public/* /hooks\n\t{answer}\n\treverse_proxy localhost:1\n}}\n"
        ));
        made.shows(&[
            ("a.com/", Closed),
            ("a.com/x", Closed),
            ("a.com/public/x", App),
            ("a.com/hooks", App),
        ]);
        assert!(made.says("Caddyfile:3") || made.says("Caddyfile:4"), "{}", made.text);
    }
    // What is exempt from one rule is not exempt from another one.
    let made = caddy(
        "a.com {\n\t@x not path /public/*\n\t@y not path /hooks/*\n\tbasic_auth @x {\n\t\ta x\n\t}\n\trespond @y 403\n\treverse_proxy localhost:1\n}\n",
    );
    made.shows(&[
        ("a.com/hooks/x", Closed),
        ("a.com/public/x", Closed),
        ("a.com/", Closed),
    ]);
    let made = caddy("a.com {\n\t@x not path_regexp ^/v\\d+/open\n\trespond @x 403\n\treverse_proxy localhost:1\n}\n");
    made.shows(&[("a.com/", Closed)]);
}

#[test]
fn what_stands_in_a_location_holds_there_alone() {
    for (rule, denied) in [(r"\.php$", "/files/x.php"), (r"/\d+$", "/files/1"), ("x", "/files/y/x")] {
        let made = nginx(&format!(
            "server {{ server_name a.com; root /srv; location / {{ try_files $uri =404; }}
             location /files/ {{ alias /srv/files/; location ~ {rule} {{ deny all; }} }}
             location /other/ {{ alias /srv/other/; }} }}"
        ));
        made.shows(&[
            ("a.com/", File),
            ("a.com/x.php", File),
            ("a.com/1", File),
            ("a.com/other/x.php", File),
        ]);
        assert_eq!(made.seen(&format!("a.com{denied}")), Closed, "{rule}\n{}", made.text);
    }
}

#[test]
fn closings_for_different_reasons_are_not_said_as_one() {
    let made = nginx(
        "server { listen 80; server_name a.com; location / { deny all; proxy_pass http://127.0.0.1:1; } }
         server { listen 80; server_name b.com; location / { return 403; proxy_pass http://127.0.0.1:2; } }",
    );
    assert_eq!(made.text.matches("auth.allow").count(), 2, "{}", made.text);
    made.shows(&[("a.com/", Closed), ("b.com/", Closed)]);
}

#[test]
fn what_an_app_ran_is_closed_in_folders_and_what_it_answered_is_not() {
    for (pass, expected) in [
        ("fastcgi_pass unix:/run/php.sock;", Closed),
        ("uwsgi_pass unix:/run/u.sock;", Closed),
        ("scgi_pass unix:/run/s.sock;", Closed),
        ("proxy_pass http://127.0.0.1:4000;", File),
    ] {
        let made = folder(&format!("location ~ ^/[a-z]+/run {{ {pass} }}"));
        assert_eq!(made.seen("a.com/x/run"), expected, "{pass}\n{}", made.text);
        assert!(made.says("nginx.conf:2"), "{pass}\n{}", made.text);
    }
    // Scripts are shown by no folder, whoever runs them.
    let made = folder(r"location ~ ^/app/.*\.php$ { proxy_pass http://127.0.0.1:4000; }");
    made.shows(&[("a.com/app/x.php", Closed), ("a.com/", File), ("a.com/app/a.css", File)]);
}
