//! Which paths a rule is about, and which of two wins: one path is no prefix, and nothing goes to another app unsaid.

use crate::{Made, caddy, nginx};

const APP: &str = "location / { proxy_pass http://127.0.0.1:3000; }";

/// What `check` would call the same: the text without comments.
fn bare(made: &Made) -> String {
    let lines = made.text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_first_page_alone_is_no_rule_about_the_whole_site() {
    let alone = nginx(&format!("server {{ server_name a.com; {APP} }}"));
    for rule in [
        "location = / { return 301 /app; }",
        "location = / { return 302 https://b.com/; }",
        "location = / { proxy_pass http://127.0.0.1:4000; }",
        "location = / { expires 1h; proxy_pass http://127.0.0.1:3000; }",
        "location = / { root /srv/landing; }",
        "location ~ ^/$ { return 301 /app; }",
        "rewrite ^/$ /app permanent;",
        "rewrite ^/$ /app last;",
        "rewrite ^/$ https://b.com/ permanent;",
    ] {
        let made = nginx(&format!("server {{ server_name a.com; {APP}\n{rule} }}"));
        assert_eq!(bare(&made), bare(&alone), "{rule}");
        assert!(made.says("nginx.conf:2"), "{rule}: {}", made.text);
        assert_eq!(made.looks, 1, "{rule}: {}", made.text);
    }
}

#[test]
fn the_first_page_of_the_same_app_needs_no_look() {
    let made = nginx(&format!(
        "server {{ server_name a.com; {APP}\nlocation = / {{ proxy_pass http://127.0.0.1:3000; }} }}"
    ));
    assert_eq!(made.looks, 0, "{}", made.text);
    let made = nginx(
        "server { server_name a.com; root /srv; location / { try_files $uri $uri/ =404; }\nlocation = / { try_files $uri $uri/ =404; } }",
    );
    assert_eq!(made.looks, 0, "{}", made.text);
}

#[test]
fn a_first_page_that_is_kept_from_clients_keeps_them_out_of_all() {
    let rule = "location = / { deny all; }";
    let made = nginx(&format!("server {{ server_name a.com; {APP}\n{rule} }}"));
    assert!(
        bare(&made).contains("auth.allow = [\"127.0.0.1\", \"::1\"]"),
        "{}",
        made.text
    );
    assert!(made.says("nginx.conf:2"), "{}", made.text);
    // The other way round it opens nothing.
    let made = nginx(&format!(
        "server {{ server_name a.com; auth_basic x; auth_basic_user_file u; {APP}\nlocation = / {{ auth_basic off; proxy_pass http://127.0.0.1:3000; }} }}"
    ));
    assert!(
        bare(&made).contains("auth.basic = \"u\"") && !bare(&made).contains("auth.basic = \"off\""),
        "{}",
        made.text
    );
    assert!(made.says("nginx.conf:2"), "{}", made.text);
    for rule in [
        "respond / 403",
        "handle / {\n\t\tbasic_auth {\n\t\t\ta x\n\t\t}\n\t\treverse_proxy localhost:1\n\t}",
    ] {
        let made = caddy(&format!("a.com {{\n\t{rule}\n\treverse_proxy localhost:1\n}}\n"));
        assert!(
            bare(&made).contains("auth.allow = [\"127.0.0.1\", \"::1\"]"),
            "{rule}: {}",
            made.text
        );
        assert!(made.says("Caddyfile:2"), "{rule}: {}", made.text);
    }
}

#[test]
fn the_first_page_alone_is_none_of_caddys_rules_about_the_whole_site() {
    let alone = caddy("a.com {\n\treverse_proxy localhost:3000\n}\n");
    for rule in [
        "redir / /app",
        "rewrite / /app",
        "header / X-A b",
        "reverse_proxy / localhost:4000",
        "@first path /\n\theader @first X-A b",
        "handle / {\n\t\treverse_proxy localhost:4000\n\t}",
        "log_skip /",
    ] {
        let made = caddy(&format!("a.com {{\n\treverse_proxy localhost:3000\n\t{rule}\n}}\n"));
        assert_eq!(bare(&made), bare(&alone), "{rule}");
        assert!(made.looks == 1 && made.says("Caddyfile:"), "{rule}: {}", made.text);
    }
    let made = caddy("a.com {\n\treverse_proxy localhost:3000\n\t@two path / /home\n\tredir @two /app\n}\n");
    assert!(
        bare(&made).contains("path     = \"/home\"") && made.looks == 1,
        "{}",
        made.text
    );
}

#[test]
fn endings_with_an_app_of_their_own_are_told() {
    let made = nginx(&format!(
        "server {{ server_name a.com; {APP}
         location ~* \\.(jpg|png)$ {{ proxy_pass http://127.0.0.1:4000; }} }}"
    ));
    assert!(made.says("nginx.conf:2"), "{}", made.text);
    let made = nginx(&format!(
        "server {{ server_name a.com; {APP}
         location ~* \\.(jpg|png)$ {{ proxy_pass http://127.0.0.1:3000; expires 1h; }} }}"
    ));
    assert!(
        !made.says("nginx.conf:2") && bare(&made).contains("*.jpg"),
        "{}",
        made.text
    );
}

#[test]
fn of_two_apps_at_one_path_the_prefix_wins_and_the_other_one_is_told() {
    for order in [
        "location = /api { proxy_pass http://127.0.0.1:4001; }\nlocation /api/ { proxy_pass http://127.0.0.1:4002; }",
        "location /api/ { proxy_pass http://127.0.0.1:4002; }\nlocation = /api { proxy_pass http://127.0.0.1:4001; }",
        "location /api { proxy_pass http://127.0.0.1:4001; }\nlocation /api/ { proxy_pass http://127.0.0.1:4002; }",
    ] {
        let made = nginx(&format!("server {{ server_name a.com; {APP}\n{order} }}"));
        assert!(
            bare(&made).contains("= 4002") && !bare(&made).contains("= 4001"),
            "{order}: {}",
            made.text
        );
        assert!(made.looks == 1 && made.text.contains("4001"), "{order}: {}", made.text);
    }
    let made = caddy(
        "a.com {\n\treverse_proxy /x/* localhost:1\n\treverse_proxy /x/* localhost:2\n\treverse_proxy localhost:3\n}\n",
    );
    assert!(bare(&made).contains("= 1") && made.says("Caddyfile:3"), "{}", made.text);
}

#[test]
fn what_the_loser_of_two_apps_sets_is_not_lost() {
    let made = nginx(&format!(
        "server {{ server_name a.com; {APP}
         location = /api {{ allow 10.0.0.0/8; deny all; proxy_read_timeout 5m; proxy_pass http://127.0.0.1:4001; }}
         location /api/ {{ client_max_body_size 5m; proxy_pass http://127.0.0.1:4002; }} }}"
    ));
    for key in ["auth.allow = [\"10.0.0.0/8\"]", "timeout.response", "limit.body"] {
        assert!(bare(&made).contains(key), "{key}: {}", made.text);
    }
}

#[test]
fn one_path_and_a_guarded_prefix_win_over_expressions() {
    let made = nginx(&format!(
        "server {{ server_name a.com; {APP}
         location = /robots.txt {{ allow all; }}
         location ~* \\.(txt|log)$ {{ deny all; }} }}"
    ));
    let text = bare(&made);
    let (denied, open) = (text.find("\"*.txt\""), text.find("\"/robots.txt\""));
    assert!(denied.is_some() && denied < open, "{text}");
    assert!(text.contains("auth.allow = \"off\""), "{text}");
    let made = nginx(&format!(
        "server {{ server_name a.com; {APP}
         location ^~ /static/ {{ expires 1y; proxy_pass http://127.0.0.1:3000; }}
         location ~* \\.js$ {{ expires 1h; }} }}"
    ));
    let text = bare(&made);
    assert!(text.find("\"*.js\"") < text.find("\"/static\""), "{text}");
    // What a site keeps clients out of, no part of it opens.
    let made = nginx(&format!(
        "server {{ server_name a.com; allow 10.0.0.0/8; deny all; {APP}
         location = /robots.txt {{ access_log off; }}
         location ~* \\.txt$ {{ deny all; }} }}"
    ));
    assert!(
        bare(&made).matches("10.0.0.0/8").count() == 2 && !bare(&made).contains("auth.allow = \"off\""),
        "{}",
        made.text
    );
    // An ending that cannot be its own is none of its business.
    let made = nginx(&format!(
        "server {{ server_name a.com; {APP}
         location = /secret {{ access_log off; }}
         location ~* \\.txt$ {{ deny all; }} }}"
    ));
    assert!(!bare(&made).contains("auth.allow = \"off\""), "{}", made.text);
}
