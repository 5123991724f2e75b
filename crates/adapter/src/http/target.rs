//! Where a request goes: an address of the web, parsed once.

use hyper::{Uri, http::uri::PathAndQuery};
use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// Plain or over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// An address of the web. Printed without its query, which may hold what is nobody's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) scheme: Scheme,
    /// Lower case; an IPv6 address stands without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: PathAndQuery,
}

impl Scheme {
    fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Target {
    /// Reads a whole address. What is wrong is said as the end of a sentence about it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.is_ascii() {
            return Err("holds a character outside ASCII: write it as %-code, or the host in punycode");
        }
        let uri: Uri = text.parse().map_err(|_| "is no address such as `https://example.com/path`")?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            Some(_) => return Err("is neither `http` nor `https`"),
            None => return Err("starts with neither `http://` nor `https://`"),
        };
        let authority = uri.authority().ok_or("names no host")?;
        if authority.as_str().contains('@') {
            return Err("holds a user or a password: put it into `headers`");
        }
        let host = host(authority.host()).ok_or("names no host that can be called")?;
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => scheme.port(),
            _ => authority.port_u16().filter(|port| *port != 0).ok_or("holds a port that is none")?,
        };
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self { scheme, host, port, path })
    }

    /// Reads the address that an answer from here refers to, whole or in part.
    pub(super) fn join(&self, reference: &str) -> Result<Self, &'static str> {
        let reference = reference.split('#').next().unwrap_or_default();
        let path = self.path.path();
        let text = if reference.is_empty() {
            return Ok(self.clone());
        } else if has_scheme(reference) {
            reference.to_owned()
        } else if reference.starts_with("//") {
            format!("{}:{reference}", self.scheme.word())
        } else if reference.starts_with('/') {
            format!("{}{reference}", self.origin())
        } else if reference.starts_with('?') {
            format!("{}{path}{reference}", self.origin())
        } else {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let (name, query) = reference.find('?').map_or((reference, ""), |at| reference.split_at(at));
            format!("{}{}{query}", self.origin(), walk(&format!("{folder}/{name}")))
        };
        Self::parse(&text)
    }

    /// What answers here, as in `https://example.com`: the same for every path.
    pub(super) fn origin(&self) -> String {
        format!("{}://{}", self.scheme.word(), self.authority())
    }

    /// Host and port as the `host` header has them.
    pub(super) fn authority(&self) -> String {
        let host = match self.host.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => self.host.clone(),
        };
        if self.port == self.scheme.port() { host } else { format!("{host}:{}", self.port) }
    }

    /// The address, if the host is one and no name.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path.path())
    }
}

/// A host name in lower case, or an address; nothing that a resolver could read in its own way.
fn host(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(address.to_string());
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let named = text.bytes().any(|byte| byte != b'.');
    (named && text.bytes().all(plain)).then(|| text.to_ascii_lowercase())
}

fn has_scheme(reference: &str) -> bool {
    let end = reference.find([':', '/', '?']);
    end.is_some_and(|at| at > 0 && reference.get(at..).is_some_and(|rest| rest.starts_with(':')))
}

/// A path with its `.` and `..` taken.
fn walk(path: &str) -> String {
    let mut taken: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(taken.pop()),
            part => taken.push(part),
        }
    }
    let folder = path.ends_with("/.") || path.ends_with("/..");
    format!("/{}{}", taken.join("/"), if folder && !taken.is_empty() { "/" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_and_prints_them_without_the_query() {
        for (text, expected, origin) in [
            ("http://Example.com", "http://example.com/", "http://example.com"),
            ("https://a_b.c:443/x?k=secret#f", "https://a_b.c/x", "https://a_b.c"),
            ("https://a:80/", "https://a:80/", "https://a:80"),
            ("http://[2001:DB8::1]:8080/p", "http://[2001:db8::1]:8080/p", "http://[2001:db8::1]:8080"),
            ("http://127.1/", "http://127.1/", "http://127.1"),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!((target.to_string().as_str(), target.origin().as_str()), (expected, origin), "{text}");
        }
        assert_eq!(Target::parse("http://a/x?k=v#f").unwrap().path.as_str(), "/x?k=v");
    }

    #[test]
    fn refuses_what_is_no_plain_address_of_the_web() {
        for (text, why) in [
            ("", "is no address such as `https://example.com/path`"),
            ("http://a b/", "is no address such as `https://example.com/path`"),
            ("ftp://a/", "is neither `http` nor `https`"),
            ("file:///etc/passwd", "is no address such as `https://example.com/path`"),
            ("/path", "starts with neither `http://` nor `https://`"),
            ("example.com", "starts with neither `http://` nor `https://`"),
            ("https://user@a/", "holds a user or a password: put it into `headers`"),
            ("https://user:pass@a/", "holds a user or a password: put it into `headers`"),
            ("https://a:0/", "holds a port that is none"),
            ("https://a:65536/", "holds a port that is none"),
            ("https://a:/", "holds a port that is none"),
            ("https://a%20b/", "is no address such as `https://example.com/path`"),
            ("https://a!b/", "names no host that can be called"),
            ("https://[fe80::1%25eth0]/", "names no host that can be called"),
            ("https://.../", "names no host that can be called"),
            ("https://ä/", "holds a character outside ASCII: write it as %-code, or the host in punycode"),
        ] {
            assert_eq!(Target::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn follows_references_of_every_form() {
        let base = Target::parse("https://a:8443/x/y/z?q=1").unwrap();
        for (reference, expected) in [
            ("http://b/c", "http://b/c"),
            ("HTTPS://b/c", "https://b/c"),
            ("//b/c?d", "https://b/c?d"),
            ("/c?d", "https://a:8443/c?d"),
            ("?d=e", "https://a:8443/x/y/z?d=e"),
            ("c", "https://a:8443/x/y/c"),
            ("c:d/e", ""),
            ("./c", "https://a:8443/x/y/c"),
            ("../c/?t=a/../b", "https://a:8443/x/c/?t=a/../b"),
            ("../../../../c", "https://a:8443/c"),
            ("..", "https://a:8443/x/"),
            ("#top", "https://a:8443/x/y/z?q=1"),
            ("", "https://a:8443/x/y/z?q=1"),
            ("ftp://b/", ""),
            ("javascript:alert(1)", ""),
        ] {
            let joined = base.join(reference).map(|target| format!("{}{}", target.origin(), target.path));
            assert_eq!(joined.unwrap_or_default(), expected, "{reference}");
        }
    }
}
