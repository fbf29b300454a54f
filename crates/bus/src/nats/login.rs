//! User and password in a URL: taken out of it, so that no log of the connection can show them.

use crate::cloud_event::decode_value;

/// How to log in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Login {
    User { name: String, password: String },
    Token(String),
}

/// The addresses without secrets, and the first login that one of them has.
pub(crate) fn split(url: &str) -> (Vec<String>, Option<Login>) {
    let mut login = None;
    let mut addresses = Vec::new();
    for one in url.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        let (scheme, rest) = one
            .split_once("://")
            .map_or(("", one), |(scheme, rest)| (scheme, rest));
        let host = match rest.rsplit_once('@') {
            Some((secret, host)) => {
                login = login.or_else(|| Some(read(secret)));
                host
            }
            None => rest,
        };
        addresses.push(if scheme.is_empty() {
            host.to_owned()
        } else {
            format!("{scheme}://{host}")
        });
    }
    (addresses, login)
}

fn read(secret: &str) -> Login {
    let plain = |text: &str| decode_value(text).unwrap_or_else(|_| text.to_owned());
    match secret.split_once(':') {
        Some((name, password)) => Login::User {
            name: plain(name),
            password: plain(password),
        },
        None => Login::Token(plain(secret)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_taken_out_of_the_url() {
        let user = |name: &str, password: &str| {
            Some(Login::User {
                name: name.to_owned(),
                password: password.to_owned(),
            })
        };
        let check = |url: &str, addresses: &[&str], login: Option<Login>| {
            let found = split(url);
            assert_eq!(found.0, addresses);
            assert!(found.1 == login, "{url}");
        };
        check("nats://h:4222", &["nats://h:4222"], None);
        check(
            "nats://anna:hem%40ligt@h",
            &["nats://h"],
            user("anna", "hem@ligt"),
        );
        check("anna:a@b@h:1", &["h:1"], user("anna", "a@b"));
        check("tls://abc@h", &["tls://h"], Some(Login::Token("abc".to_owned())));
        check(
            "nats://a, nats://u:p@b,nats://v:q@c",
            &["nats://a", "nats://b", "nats://c"],
            user("u", "p"),
        );
    }
}
