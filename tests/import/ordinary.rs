//! Whole configurations as they stand on servers: each site stays usable, and no folder gives away what was kept from clients.

use crate::seen::Seen::{App, Closed, Elsewhere, File, Nobody};
use crate::{caddy, nginx};

/// What the snippets of h5bp's server-configs-nginx say of locations.
const H5BP: &str = r#"
    location ~* /\.(?!well-known\/) { deny all; }
    location ~* (?:#.*#|\.(?:bak|conf|dist|fla|in[ci]|log|orig|psd|sh|sql|sw[op])|~)$ { deny all; }
"#;

/// What guides add for WordPress.
const WORDPRESS: &str = r#"
    location = /favicon.ico { log_not_found off; access_log off; }
    location = /robots.txt { allow all; log_not_found off; access_log off; }
    location ~ /\. { deny all; }
    location ~* /(?:uploads|files)/.*\.php$ { deny all; }
    location ~* ^/(?:xmlrpc\.php|wp-config\.php|readme\.html)$ { deny all; }
    location ~ ~$ { access_log off; log_not_found off; deny all; }
"#;

fn site(rest: &str) -> String {
    format!("server {{ listen 80; server_name a.com;\n{rest}\n}}")
}

#[test]
fn ordinary_sites_stay_open_behind_nginx_with_apps() {
    // Apache behind nginx.
    let made = nginx(&site(&format!(
        "{WORDPRESS} location / {{ proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }}"
    )));
    made.shows(&[
        ("a.com/", App),
        ("a.com/wp-login.php", App),
        ("a.com/wp-admin/admin-ajax.php", App),
        ("a.com/wp-content/uploads/2024/a.jpg", App),
        ("a.com/robots.txt", App),
        ("a.com/xmlrpc.php", Closed),
        ("a.com/wp-config.php", Closed),
        ("a.com/wp-config.php~", Closed),
    ]);
    assert!(made.says("location ~* /(?:uploads|files)/.*\\.php$"), "{}", made.text);
    assert!(made.says("location ~ /\\."), "{}", made.text);
    // Next.js, with everything that is told to be put there.
    let made = nginx(&site(&format!(
        "{H5BP} location /_next/static/ {{ proxy_pass http://127.0.0.1:3000; expires 1y; }}
         location / {{ proxy_pass http://127.0.0.1:3000; }}"
    )));
    made.shows(&[
        ("a.com/", App),
        ("a.com/_next/static/a.js", App),
        ("a.com/manifest.json", App),
        ("a.com/dump.sql", Closed),
    ]);
    // Nextcloud's own, in front of Apache.
    let made = nginx(&site(
        r"location = /robots.txt { allow all; log_not_found off; access_log off; }
          location ^~ /.well-known {
              location = /.well-known/carddav { return 301 /remote.php/dav/; }
              location = /.well-known/caldav { return 301 /remote.php/dav/; }
              return 301 /index.php$request_uri;
          }
          location ~ ^/(?:build|tests|config|lib|3rdparty|templates|data)(?:$|/) { return 404; }
          location ~ ^/(?:\.|autotest|occ|issue|indie|db_|console) { return 404; }
          location / { proxy_pass http://127.0.0.1:8080; }",
    ));
    made.shows(&[
        ("a.com/", App),
        ("a.com/index.php/login", App),
        ("a.com/apps/files/", App),
        ("a.com/.well-known/carddav", Elsewhere),
        ("a.com/config/config.php", Closed),
        ("a.com/data", Closed),
        ("a.com/occ", Closed),
    ]);
    assert!(made.says("location ~ ^/(?:\\.|autotest"), "{}", made.text);
    // Django behind gunicorn, with its folders.
    let made = nginx(&site(&format!(
        "{H5BP} location /static/ {{ alias /srv/static/; }} location /media/ {{ alias /srv/media/; }}
         location / {{ proxy_pass http://unix:/run/gunicorn.sock; }}"
    )));
    made.shows(&[
        ("a.com/", App),
        ("a.com/admin/", App),
        ("a.com/static/a.css", File),
        ("a.com/media/a.jpg", File),
        ("a.com/media/dump.sql", Closed),
        ("a.com/media/a.txt~", Closed),
        ("a.com/media/%23a.txt%23", Closed),
        ("a.com/media/.env", Nobody),
    ]);
}

#[test]
fn ordinary_sites_stay_open_behind_nginx_with_folders() {
    // A page that is an app of its own, with an API, and all that is told to be put there.
    let made = nginx(&site(&format!(
        r"root /srv/dist; {H5BP} {WORDPRESS}
          location ~ (^|/)\. {{ return 403; }}
          location ~ /(\.env|composer\.json)$ {{ return 404; }}
          location ~ ^/(?:build|data)(?:$|/) {{ deny all; }}
          location / {{ try_files $uri $uri/ /index.html; }}
          location /api/ {{ proxy_pass http://127.0.0.1:8000; }}"
    )));
    made.shows(&[
        ("a.com/", File),
        ("a.com/index.html", File),
        ("a.com/assets/a.js", File),
        ("a.com/manifest.json", File),
        ("a.com/api/users", App),
        ("a.com/.env", Closed),
        ("a.com/.git/config", Nobody),
        ("a.com/x/.htaccess", Nobody),
        ("a.com/composer.json", Closed),
        ("a.com/x/composer.json", Closed),
        ("a.com/build", Closed),
        ("a.com/data/a.json", Closed),
        ("a.com/wp-content/uploads/x.php", Closed),
        ("a.com/wp-config.php", Closed),
        ("a.com/a.swp", Closed),
        ("a.com/a.inc", Closed),
        ("a.com/a.html~", Closed),
        ("a.com/#a#".replace('#', "%23").as_str(), Closed),
    ]);
    // A static site whose scripts an app runs: nobody gets the source.
    let made = nginx(&site(
        r"root /srv/site; index index.html;
          location / { try_files $uri $uri/ =404; }
          location ~ ^/forms/.+\.php(/|$) { fastcgi_pass unix:/run/php.sock; }
          location ~ /\.ht { deny all; }",
    ));
    made.shows(&[
        ("a.com/", File),
        ("a.com/about.html", File),
        ("a.com/forms/send.php", Closed),
        ("a.com/.htpasswd", Nobody),
    ]);
    // Files, then an app; some paths go to another app by an expression.
    let made = nginx(&site(
        r"root /srv/public; location / { try_files $uri @app; }
          location @app { proxy_pass http://127.0.0.1:3000; }
          location ~ ^/ws/\d+ { proxy_pass http://127.0.0.1:4000; }
          location ~ /\. { deny all; }",
    ));
    made.shows(&[("a.com/", App), ("a.com/ws/1", App), ("a.com/a.css", App)]);
    assert!(made.says("location ~ ^/ws/"), "{}", made.text);
}

#[test]
fn sites_of_php_are_comments_and_give_nothing_away() {
    for php in [
        // WordPress, Laravel and Nextcloud with php-fpm.
        format!("{WORDPRESS} location / {{ try_files $uri $uri/ /index.php?$args; }}"),
        format!(
            "{H5BP} location / {{ try_files $uri $uri/ /index.php?$query_string; }} location ~ /\\.(?!well-known).* {{ deny all; }}"
        ),
        r"location ~ ^/(?:build|data)(?:$|/) { return 404; } location ~ ^/(?:\.|autotest|occ) { return 404; }
          location / { try_files $uri $uri/ /index.php$request_uri; }"
            .to_owned(),
    ] {
        let made = nginx(&site(&format!(
            "root /srv/php; index index.php; {php}
             location ~ \\.php$ {{ include fastcgi_params; fastcgi_pass unix:/run/php.sock; }}"
        )));
        made.shows(&[
            ("a.com/", Nobody),
            ("a.com/wp-config.php", Nobody),
            ("a.com/.env", Nobody),
            ("a.com/data/x", Nobody),
        ]);
        assert!(made.text.contains("# [env.prod"), "{}", made.text);
    }
}

#[test]
fn ordinary_sites_stay_open_behind_caddy() {
    let made = caddy(
        "a.com {\n\troot * /srv/site\n\tencode gzip\n\t@hidden path */.* /secret/*\n\trespond @hidden 404\n\
         \t@source path *.sql *.bak /a/*/private\n\trespond @source 403\n\tfile_server {\n\t\thide .git notes.txt *.old /srv/site/drafts\n\t}\n}\n",
    );
    made.shows(&[
        ("a.com/", File),
        ("a.com/a.css", File),
        ("a.com/.git/config", Nobody),
        ("a.com/secret/x", Closed),
        ("a.com/a.sql", Closed),
        ("a.com/a/b/private", Closed),
        ("a.com/notes.txt", Closed),
        ("a.com/x/notes.txt", Closed),
        ("a.com/x.old", Closed),
        ("a.com/drafts/x", Closed),
    ]);
    let made = caddy("a.com {\n\troot * /srv/site\n\tphp_fastcgi unix//run/php.sock\n\tfile_server\n}\n");
    made.shows(&[("a.com/", Nobody), ("a.com/index.php", Nobody)]);
    let made = caddy(
        "a.com {\n\troot * /srv/site\n\tfile_server\n\t@php path *.php\n\treverse_proxy @php localhost:9000\n\t@dot path_regexp /\\.\n\trespond @dot 403\n}\n",
    );
    made.shows(&[
        ("a.com/", File),
        ("a.com/a.css", File),
        ("a.com/a.php", Closed),
        ("a.com/.env", Nobody),
    ]);
    let made =
        caddy("a.com {\n\thandle /api/* {\n\t\treverse_proxy localhost:1\n\t}\n\thandle {\n\t\trespond 404\n\t}\n}\n");
    made.shows(&[("a.com/api/x", App), ("a.com/", Nobody)]);
    assert_eq!(made.looks, 0, "{}", made.text);
}
