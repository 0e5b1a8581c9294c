//! What was not open to everybody is not open to everybody afterwards: what cannot be said again is closed, with a note.

use crate::{CLOSED, caddy, nginx};

const PHP: &str = "fastcgi_pass unix:/run/php.sock;";

#[test]
fn a_folder_in_the_place_of_a_php_site_does_not_give_its_source_away() {
    for location in [
        r"~ \.php$",
        r"~ [^/]\.php(/|$)",
        r"~ \.php(?:$|/)",
        r"~* \.(php|phtml)$",
    ] {
        let made = nginx(&format!(
            "server {{ server_name a.com; root /var/www/html;
             location / {{ try_files $uri $uri/ =404; }}
             location {location} {{ {PHP} }} }}"
        ));
        assert!(made.closes("*.php"), "{location}: {}", made.text);
        assert!(made.says("nginx.conf:3"), "{location}: {}", made.text);
    }
}

#[test]
fn endings_of_another_app_are_closed_in_every_folder_of_the_site() {
    let made = nginx(&format!(
        "server {{ server_name a.com;
         location / {{ proxy_pass http://127.0.0.1:3000; }}
         location /files/ {{ alias /srv/files/; }}
         location ~ \\.php$ {{ {PHP} }} }}"
    ));
    let closed = made.tables().into_iter().filter(|table| table.contains("*.php"));
    let closed: Vec<String> = closed.collect();
    assert!(
        closed
            .iter()
            .any(|table| table.contains("service.files.at") && table.contains(CLOSED)),
        "{}",
        made.text
    );
    let made = caddy(
        "a.com {\n\troot * /srv\n\tfile_server\n\t@php path *.php /x/*\n\treverse_proxy @php localhost:9000\n}\n",
    );
    assert!(made.closes("*.php"), "{}", made.text);
}

#[test]
fn an_expression_that_says_more_closes_a_folder_that_it_kept_clients_out_of() {
    for inner in [PHP, "deny all;", "auth_basic x; auth_basic_user_file users;"] {
        let made = nginx(&format!(
            "server {{ server_name a.com; root /srv;
             location ~ ^/a/[0-9]+/b {{ {inner} }} }}"
        ));
        let tables = made.tables();
        let part = tables.iter().find(|table| table.contains("path = \"/a\"")).unwrap();
        assert!(part.contains("auth."), "{inner}: {}", made.text);
        assert!(made.says("nginx.conf:2"), "{inner}: {}", made.text);
        // Where it has no beginning, all of it.
        let made = nginx(&format!(
            "server {{ server_name a.com; root /srv;
             location ~ [0-9]+/b {{ {inner} }} }}"
        ));
        let tables = made.tables();
        let service = tables.iter().find(|table| table.contains("files:/srv")).unwrap();
        assert!(service.contains("auth."), "{inner}: {}", made.text);
    }
}

#[test]
fn what_stands_at_the_place_of_a_service_that_is_a_comment_is_closed() {
    let made = nginx(&format!(
        "server {{ server_name a.com; root /srv;
         location /blog/ {{ {PHP} }} }}"
    ));
    assert!(made.closes("\"/blog\""), "{}", made.text);
}

#[test]
fn endings_that_are_kept_from_clients_are_kept_in_every_service() {
    let made = nginx(
        "server { server_name a.com;
         location / { proxy_pass http://127.0.0.1:3000; }
         location /files/ { alias /srv/files/; }
         location ^~ /open/ { alias /srv/open/; }
         location ~ \\.bak$ { deny all; } }",
    );
    let parts = made.tables().into_iter().filter(|table| table.contains("*.bak"));
    let parts: Vec<String> = parts.collect();
    assert_eq!(parts.len(), 2, "{}", made.text);
    assert!(
        parts
            .iter()
            .all(|part| part.contains(CLOSED) && !part.contains("service.open")),
        "{}",
        made.text
    );
}

#[test]
fn one_rule_about_paths_of_several_services_holds_in_each() {
    let made = caddy(
        "a.com {\n\treverse_proxy /a/* localhost:1\n\treverse_proxy /b/* localhost:2\n\treverse_proxy localhost:3\n\
         \t@kept path /a/* /b/x/* /c/*\n\trespond @kept 403\n}\n",
    );
    for (service, path) in [("a", "\"/a\""), ("b", "\"/b/x\""), ("web", "\"/c\"")] {
        let of_service = |table: &String| table.starts_with(&format!("[[env.prod.service.{service}.at"));
        let parts: Vec<String> = made.tables().into_iter().filter(of_service).collect();
        assert!(
            parts.len() == 1 && parts[0].contains(path) && parts[0].contains(CLOSED),
            "{path}: {}",
            made.text
        );
    }
}

#[test]
fn a_rule_of_caddy_holds_for_the_services_below_its_path() {
    let made =
        caddy("a.com {\n\trespond /a/* 403\n\treverse_proxy /a/b/* localhost:1\n\treverse_proxy localhost:3\n}\n");
    assert!(made.closes("\"/a/b\""), "{}", made.text);
}

#[test]
fn a_site_of_this_machine_alone_is_one_of_this_machine_alone() {
    for listen in [
        "listen 127.0.0.1:8081;",
        "listen [::1]:8081; listen localhost:8082;",
        "listen unix:/run/n.sock;",
    ] {
        let made = nginx(&format!(
            "server {{ listen 80; server_name a.com; location / {{ proxy_pass http://127.0.0.1:3000; }} }}
             server {{ {listen} server_name b.com; allow 10.0.0.0/8; deny all;
             location / {{ proxy_pass http://127.0.0.1:3001; }}
             location /x {{ allow 10.0.0.0/8; deny all; proxy_pass http://127.0.0.1:3001; }}
             location ~ ^/z/[0-9]+/a {{ allow 10.0.0.0/8; deny all; proxy_pass http://127.0.0.1:3001; }}
             location /y {{ allow all; proxy_pass http://127.0.0.1:3002; }} }}"
        ));
        assert!(made.closes("= \"b.com\""), "{listen}: {}", made.text);
        assert!(
            !made.text.contains("auth.allow = [\"10.0.0.0/8\"]"),
            "{listen}: {}",
            made.text
        );
        assert!(!made.closes("= \"a.com\""), "{listen}: {}", made.text);
        assert!(made.says("nginx.conf:2"), "{listen}: {}", made.text);
    }
    for bind in [
        "127.0.0.1",
        "tcp4/127.0.0.1",
        "127.0.0.1 ::1",
        "localhost",
        "unix//run/c.sock",
    ] {
        let made = caddy(&format!(
            "a.com {{\n\treverse_proxy localhost:1\n}}\nb.com {{\n\tbind {bind}\n\treverse_proxy localhost:2\n}}\n"
        ));
        assert!(made.closes("= \"b.com\""), "{bind}: {}", made.text);
        assert!(
            !made.closes("= \"a.com\"") && made.says("Caddyfile:5"),
            "{bind}: {}",
            made.text
        );
    }
    let made = caddy("{\n\tdefault_bind 127.0.0.1\n}\na.com {\n\tbind 0.0.0.0\n\treverse_proxy localhost:1\n}\n");
    assert!(!made.closes("= \"a.com\""), "{}", made.text);
}

#[test]
fn where_all_is_served_to_this_machine_alone_so_is_what_the_server_listens_at() {
    // A tunnel on this machine is the only client.
    let site = "location / { proxy_pass http://127.0.0.1:3000; }";
    let made = nginx(&format!(
        "server {{ listen 127.0.0.1:8080; server_name a.com; {site} }}
         server {{ listen [::1]:8080; listen unix:/run/n.sock; server_name b.com; {site} }}"
    ));
    assert!(!made.text.contains("auth.allow"), "{}", made.text);
    assert!(
        made.text.contains("127.0.0.1:8080") && made.text.contains("[::1]:8080"),
        "{}",
        made.text
    );
    assert!(!made.text.contains("[::]"), "{}", made.text);
    // What has no listener there has none anywhere else.
    assert!(made.text.contains("https = \"127.0.0.1:443\""), "{}", made.text);
    for config in [
        "{\n\tdefault_bind 127.0.0.1\n}\na.com {\n\treverse_proxy localhost:1\n}\n",
        "a.com {\n\tbind tcp4/127.0.0.1\n\treverse_proxy localhost:1\n}\n",
    ] {
        let made = caddy(config);
        assert!(!made.text.contains("auth.allow"), "{}", made.text);
        assert!(made.text.contains("https = \"127.0.0.1:443\""), "{}", made.text);
    }
    // `[server]` has no sockets.
    let made = nginx(&format!(
        "server {{ listen unix:/run/n.sock; server_name a.com; {site} }}"
    ));
    assert!(made.closes("= \"a.com\""), "{}", made.text);
    let made = caddy(
        "http://a.com, https://a.org {\n\tbind 127.0.0.1\n\treverse_proxy localhost:1\n}\nb.com {\n\treverse_proxy localhost:2\n}\n",
    );
    assert_eq!(
        made.text.matches("only this machine reached it").count(),
        1,
        "{}",
        made.text
    );
    let made =
        caddy("a.com {\n\tbind 10.0.0.1\n\treverse_proxy localhost:1\n}\nb.com {\n\treverse_proxy localhost:2\n}\n");
    assert!(made.says("Caddyfile:1"), "{}", made.text);
}

#[test]
fn a_site_of_one_address_is_told_that_others_lead_to_it_too() {
    let made = nginx(
        "server { listen 80; server_name a.com; location / { proxy_pass http://127.0.0.1:3000; } }
         server { listen 10.0.0.1:80; server_name b.com; location / { proxy_pass http://127.0.0.1:3001; } }",
    );
    assert!(made.says("nginx.conf:2"), "{}", made.text);
    assert!(!made.says("nginx.conf:1") && !made.closes("host"), "{}", made.text);
    let made =
        nginx("server { listen 10.0.0.1:80; server_name b.com; location / { proxy_pass http://127.0.0.1:3001; } }");
    assert!(!made.says("nginx.conf:1"), "{}", made.text);
}

#[test]
fn a_service_whose_restriction_cannot_be_is_a_comment() {
    for rule in ["allow 10.0.0.0/33; deny all;", "allow office.example.com; deny all;"] {
        let made = nginx(&format!(
            "server {{ server_name a.com; {rule} location / {{ proxy_pass http://127.0.0.1:3000; }} }}"
        ));
        assert!(
            !made.serves() && made.text.contains("Left out"),
            "{rule}: {}",
            made.text
        );
        // Where several say the same it stands further out.
        let made = nginx(&format!(
            "server {{ server_name a.com; {rule} location / {{ proxy_pass http://127.0.0.1:3000; }}
             location /b {{ proxy_pass http://127.0.0.1:3001; }} }}
             server {{ server_name dev.a.com; {rule} location / {{ proxy_pass http://127.0.0.1:3002; }} }}"
        ));
        assert!(!made.serves(), "{rule}: {}", made.text);
        // A part of a service that nobody else keeps clients out of.
        let made = nginx(&format!(
            "server {{ server_name a.com; location / {{ proxy_pass http://127.0.0.1:3000; }}
             location /b {{ {rule} proxy_pass http://127.0.0.1:3000; }} }}"
        ));
        assert!(made.serves() && made.closes("\"/b\""), "{rule}: {}", made.text);
    }
    let made = caddy("a.com {\n\t@out not remote_ip {$OFFICE}\n\trespond @out 403\n\treverse_proxy localhost:1\n}\n");
    assert!(!made.serves() && made.text.contains("Left out"), "{}", made.text);
}

#[test]
fn a_part_that_cannot_be_and_kept_clients_out_takes_its_service_with_it() {
    let made = nginx(
        "server { server_name a.com; root /srv;
         location \"/a b\" { deny all; } }",
    );
    assert!(!made.serves(), "{}", made.text);
}

#[test]
fn sockets_are_let_in_by_nobody_and_that_is_no_loss() {
    let made = nginx(
        "server { server_name a.com; allow unix:; allow 10.0.0.0/8; deny all;
         location / { proxy_pass http://127.0.0.1:3000; } }",
    );
    assert!(
        made.serves() && made.text.contains("auth.allow = [\"10.0.0.0/8\"]"),
        "{}",
        made.text
    );
}

#[test]
fn what_is_allowed_behind_deny_all_is_not_allowed() {
    let made = nginx(
        "server { server_name a.com; deny all; allow 10.0.0.0/8; location / { proxy_pass http://127.0.0.1:3000; } }",
    );
    assert!(made.closes("= \"a.com\""), "{}", made.text);
}

#[test]
fn a_rewrite_inside_asks_who_enters_as_before() {
    let made = nginx(
        "server { server_name a.com; rewrite ^/old/(.*)$ /new/$1 last;
         location / { auth_basic x; auth_basic_user_file users; proxy_pass http://127.0.0.1:3000; } }",
    );
    assert!(!made.text.contains("auth.basic = \"off\""), "{}", made.text);
}

#[test]
fn what_is_asked_of_more_than_paths_is_asked_of_all() {
    for matcher in ["method POST", "not path /", "path_regexp ^/a/[0-9]+"] {
        for asked in [
            "basic_auth @m {\n\t\ta x\n\t}",
            "forward_auth @m localhost:9 {\n\t\turi /\n\t}",
        ] {
            let made = caddy(&format!(
                "a.com {{\n\t@m {matcher}\n\t{asked}\n\treverse_proxy localhost:1\n}}\n"
            ));
            let tables = made.tables();
            let service = tables.iter().find(|table| table.contains("= \"a.com\"")).unwrap();
            assert!(service.contains("auth."), "{matcher}: {}", made.text);
            assert!(made.says("Caddyfile:3"), "{matcher}: {}", made.text);
        }
    }
}

#[test]
fn several_conditions_together_keep_out_all_that_they_may_be_about() {
    for (matcher, expected) in [
        (
            "path /admin/*\n\t\tnot remote_ip 10.0.0.0/8",
            "auth.allow = [\"10.0.0.0/8\"]",
        ),
        ("path /admin/*\n\t\tmethod POST", CLOSED),
    ] {
        for answer in ["respond @m 403", "abort @m", "handle @m {\n\t\trespond 404\n\t}"] {
            let made = caddy(&format!(
                "a.com {{\n\t@m {{\n\t\t{matcher}\n\t}}\n\t{answer}\n\treverse_proxy localhost:1\n}}\n"
            ));
            let tables = made.tables();
            let part = tables.iter().find(|table| table.contains("\"/admin\"")).unwrap();
            assert!(part.contains(expected), "{matcher} {answer}: {}", made.text);
            assert!(
                made.says("Caddyfile:6") || made.says("Caddyfile:7"),
                "{matcher} {answer}: {}",
                made.text
            );
        }
    }
    let made = caddy("a.com {\n\thandle /x/* {\n\t\trespond 403\n\t}\n\treverse_proxy localhost:1\n}\n");
    assert!(made.closes("\"/x\""), "{}", made.text);
}

#[test]
fn what_was_internal_is_for_no_client() {
    let made = nginx(
        "server { server_name a.com; location / { proxy_pass http://127.0.0.1:3000; }
         location /private/ { internal; alias /srv/private/; } }",
    );
    assert!(made.closes("files:/srv/private"), "{}", made.text);
}
