//! Where the database is, and as whom: what `DATABASE_URL` says.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::tls::{Mode, Tls};

/// The port of PostgreSQL (IANA).
const PORT: u16 = 5432;

/// A database and a role.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(super) host: Host,
    pub(super) user: String,
    pub(super) password: Option<SecretString>,
    pub(super) database: String,
    pub(super) tls: Tls,
}

/// What is connected to.
#[derive(Clone, Debug)]
pub(super) enum Host {
    Tcp(String, u16),
    /// A socket of this machine.
    Local(PathBuf),
}

/// Why an address cannot be used. No part of it is repeated: any may be the password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("must be like `postgres://user:password@host/database`")]
    Form,
    #[error(
        "has a parameter that is not known: `host`, `port`, `user`, `password`, `dbname`, `sslmode`, `sslrootcert`, \
         `sslcert` and `sslkey` are"
    )]
    Parameter,
    #[error("needs `sslmode` to be disable, prefer, require, verify-ca or verify-full")]
    Mode,
    #[error("names a file of certificates or keys that cannot be used: {0}")]
    File(String),
}

impl Address {
    /// Reads an address in the form of section 34.1.1.2 of PostgreSQL's manual, with one host.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text).map_err(|_| AddressError::Form)?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(AddressError::Form);
        }
        let mut host = decoded(url.host_str().unwrap_or_default())?;
        let mut port = url.port().unwrap_or(PORT);
        let mut user = decoded(url.username())?;
        let mut password = url.password().map(decoded).transpose()?;
        let mut database = decoded(url.path().trim_start_matches('/'))?;
        let mut tls = Tls::default();
        for (name, value) in url.query_pairs() {
            let value = value.into_owned();
            match name.as_ref() {
                "host" => host = value,
                "port" => port = value.parse().map_err(|_| AddressError::Form)?,
                "user" => user = value,
                "password" => password = Some(value),
                "dbname" => database = value,
                "sslmode" => tls.mode = value.parse::<Mode>()?,
                "sslrootcert" => tls.roots = Some(value.into()),
                "sslcert" => tls.certificate = Some(value.into()),
                "sslkey" => tls.key = Some(value.into()),
                // Ours win.
                "application_name" | "connect_timeout" => {}
                _ => return Err(AddressError::Parameter),
            }
        }
        // Several hosts are for clients that look for the one that may be written to.
        if user.is_empty() || host.contains(',') {
            return Err(AddressError::Form);
        }
        if database.is_empty() {
            database.clone_from(&user);
        }
        Ok(Self {
            host: Host::new(host, port),
            user,
            password: password.map(Into::into),
            database,
            tls,
        })
    }

    /// Whether anybody between here and the database could read along.
    pub(crate) fn is_exposed(&self) -> bool {
        let is_near = match &self.host {
            Host::Local(_) => true,
            Host::Tcp(host, _) => {
                host == "localhost"
                    || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        };
        !is_near && !self.tls.verifies()
    }
}

impl Host {
    fn new(host: String, port: u16) -> Self {
        if host.starts_with('/') {
            // The name of the socket in its directory is PostgreSQL's custom.
            return Self::Local(PathBuf::from(host).join(format!(".s.PGSQL.{port}")));
        }
        // An address of IPv6 has brackets in a URL and nowhere else.
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.map_or(host.as_str(), |bare| bare);
        Self::Tcp(if host.is_empty() { "localhost".to_owned() } else { host.to_owned() }, port)
    }
}

fn decoded(text: &str) -> Result<String, AddressError> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| AddressError::Form)?;
    if decoded.contains('\0') { Err(AddressError::Form) } else { Ok(decoded.into_owned()) }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::{Address, Host};

    #[test]
    fn an_address_is_read_with_everything_in_it() {
        let address = Address::parse(
            "postgresql://re%40der:s%3Acret@db.example:6432/sales?sslmode=verify-full",
        );
        let address = address.unwrap();
        assert!(matches!(&address.host, Host::Tcp(host, 6432) if host == "db.example"));
        assert_eq!((address.user.as_str(), address.database.as_str()), ("re@der", "sales"));
        assert_eq!(address.password.as_ref().unwrap().expose_secret(), "s:cret");
        assert!(!address.is_exposed());
        assert!(Address::parse("postgres://reader@db.example").unwrap().is_exposed());
    }

    #[test]
    fn a_socket_of_this_machine_is_named_by_its_directory() {
        for text in
            ["postgres://me@%2Frun%2Fpg:6432/x", "postgres://me@localhost:6432/x?host=/run/pg"]
        {
            let address = Address::parse(text).unwrap();
            assert!(
                matches!(&address.host, Host::Local(path) if path.ends_with("pg/.s.PGSQL.6432"))
            );
        }
    }

    #[test]
    fn a_wrong_address_is_refused_without_repeating_it() {
        for text in [
            "hunter2",
            "mysql://me:hunter2@host/x",
            "postgres://host/x?password=hunter2",
            "postgres://me:hunter2@a,b/x",
            "postgres://me:hunter2@host/x?options=hunter2",
            "postgres://me:hunter2@host/x?sslmode=hunter2",
            "postgres://me:%00hunter2@host/x",
            "postgres://me:%ffhunter2@host/x",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
