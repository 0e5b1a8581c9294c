//! Configurations of other front doors: whatever stands in them, what is made of them is accepted, or the report points into the file.

use std::io;
use std::path::{Path, PathBuf};

use greengate::config::{Config, Severity};
use greengate::import::{Files, Language, import};

use crate::fuzz;

const NGINX: &[&[u8]] = &[
    b"server {\n",
    b"}\n",
    b"location / { proxy_pass http://127.0.0.1:3000; }\n",
    b"location ~* \\.(js|css)$ { expires 1y; }\n",
    b"location = /auth { proxy_pass http://a/b; }\n",
    b"server_name a.example.com *.b.example.com ~^x$ .c.example.com;\n",
    b"listen 443 ssl;\n",
    b"return 301 https://$host$request_uri;\n",
    b"rewrite ^/a/(.*)$ /b/$1 permanent;\n",
    b"include other.conf;\n",
    b"include *.conf;\n",
    b"limit_req zone=z burst=99999999999;\n",
    b"limit_req_zone $binary_remote_addr zone=z:10m rate=0r/s;\n",
    b"client_max_body_size 99999999999g;\n",
    b"proxy_read_timeout 9999999d;\n",
    b"add_header X-\xc3\xa4 \"a\\\"b{host}\";\n",
    b"upstream u { server unix:/a; server [::1]:70000; }\n",
    b"proxy_pass http://u/;\n",
    b"try_files $uri @a /index.html;\n",
    b"root /srv;\n",
    b"allow all; deny all;\n",
    b"if ($host = a.example.com) { return 301 https://b.example.com$request_uri; }\n",
    b"auth_request /auth;\n",
    b"${",
    b"\\",
];

const CADDY: &[&[u8]] = &[
    b"a.example.com, http://b.example.com:8080 {\n",
    b"}\n",
    b"{\n",
    b"reverse_proxy localhost:3000 unix//run/a.sock\n",
    b"(s) {\n",
    b"import s {args[0]} b\n",
    b"import *\n",
    b"handle_path /api/* {\n",
    b"@m path /a/* *.js\n",
    b"@m not remote_ip private_ranges\n",
    b"respond @m 403\n",
    b"redir https://c.example.com{uri} permanent\n",
    b"rewrite * /x{uri}\n",
    b"header ?X-\xc3\xa4 `a\"b`\n",
    b"root * /srv\nfile_server\n",
    b"try_files {path} /index.html\n",
    b"basic_auth {\na $2a$b\n}\n",
    b"tls internal\n",
    b"<<E\n",
    b"{$A:b}",
    b"{args[:]}",
];

/// The file itself, and nothing else: what it includes is the file again, under another name.
struct Only<'a>(&'a str);

impl Files for Only<'_> {
    fn read(&self, path: &Path) -> io::Result<String> {
        match path.to_str() {
            Some("main") => Ok(self.0.to_owned()),
            Some("other.conf") => Ok("gzip on;\nlocation /other { proxy_pass http://o; }\n".to_owned()),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        match folder.as_os_str().is_empty() {
            true => Ok(vec!["other.conf".to_owned()]),
            false => Ok(Vec::new()),
        }
    }
}

fn holds(language: Language, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // A certificate that could name a device is none of this test's.
    if text.contains("/dev") || text.contains("/proc") {
        return;
    }
    match import(language, &Only(&text), &PathBuf::from("main")) {
        Ok(imported) => {
            let again = import(language, &Only(&text), &PathBuf::from("main")).expect("it was read a moment ago");
            assert_eq!(imported, again, "the same file comes out alike");
            let result = Config::parse(Path::new("proxy.toml"), &imported.text);
            let Err(error) = result else { return };
            let serves = imported.text.lines().any(|line| line.starts_with("[env."));
            let errors = error.diagnostics.iter().filter(|one| one.severity == Severity::Error);
            assert!(!serves && errors.count() <= 1, "{error}\n{}", imported.text);
        }
        Err(unreadable) => {
            let report = unreadable.render(false);
            assert!(report.starts_with("error: ") && report.contains("--> "), "{report}");
        }
    }
}

#[test]
fn what_is_made_of_an_nginx_conf_is_accepted() {
    fuzz("nginx_conf", NGINX, |bytes| holds(Language::Nginx, bytes));
}

#[test]
fn what_is_made_of_a_caddyfile_is_accepted() {
    fuzz("caddyfile", CADDY, |bytes| holds(Language::Caddyfile, bytes));
}
