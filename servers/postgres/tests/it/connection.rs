//! How the server gets in: passwords, TLS, and poolers that stand before the database.

use std::net::SocketAddr;

use mcp_testkit::Postgres;
use rcgen::{CertifiedKey, KeyPair};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::stage::{Stage, query};

/// Who gets in how.
const HBA: &str = "
    hostnossl all +by_tls 127.0.0.1/32 reject
    host all +by_tls all trust
    host all +by_password 127.0.0.1/32 password
    host all +by_md5 127.0.0.1/32 md5
    host all +by_scram 127.0.0.1/32 scram-sha-256
    host all postgres 127.0.0.1/32 trust";

const ROLES: [&str; 4] = ["by_tls", "by_password", "by_md5", "by_scram"];

fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

/// A server that asks, and the certificate that it shows.
fn strict() -> (Postgres, String) {
    let CertifiedKey { cert, signing_key } = certificate();
    let (chain, key) = (cert.pem(), signing_key.serialize_pem());
    let files =
        [("pg_hba.conf", HBA), ("server.crt", chain.as_str()), ("server.key", key.as_str())];
    let settings = ["ssl=on", "ssl_cert_file=server.crt", "ssl_key_file=server.key"];
    let postgres = Postgres::dedicated_with(&settings, &files);
    let owner = postgres.database();
    for role in ROLES {
        owner.psql(&format!("CREATE ROLE {role}"));
    }
    (postgres, chain)
}

/// Whether a server starts on that address; else its exit code, with what it says.
async fn starts(stage: &Stage, url: &str) -> Result<(), (i32, String)> {
    let output = stage.command().env("DATABASE_URL", url).args(["doctor"]).output().await;
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!said.contains("secret"), "{said}");
    if said.contains("ok    database") {
        Ok(())
    } else {
        Err((output.status.code().unwrap(), said))
    }
}

#[tokio::test]
async fn every_kind_of_password_is_given_and_a_wrong_one_is_refused() {
    let (postgres, _) = strict();
    for kind in ["by_password", "by_md5", "by_scram"] {
        let stage = Stage::on(&postgres);
        let (role, hash) = (stage.role(), if kind == "by_md5" { "md5" } else { "scram-sha-256" });
        stage.database.psql(&format!(
            "SET password_encryption = '{hash}'; ALTER ROLE {role} PASSWORD 'reader-secret'; GRANT {kind} TO {role}"
        ));
        assert_eq!(starts(&stage, &stage.url()).await, Ok(()), "{kind}");
        let url = stage.url();
        let wrong = url.replace("reader-secret", "wrong-secret");
        let (code, said) = starts(&stage, &wrong).await.unwrap_err();
        assert!(code == 1 && said.contains("28P01"), "{said}");
        let (code, said) = starts(&stage, &url.replace(":reader-secret", "")).await.unwrap_err();
        assert!(code == 1 && said.contains("asks for a password"), "{said}");
    }
}

#[tokio::test]
async fn the_databases_certificate_is_checked_as_far_as_was_asked() {
    let (postgres, chain) = strict();
    let stage = Stage::on(&postgres);
    stage.database.psql(&format!("GRANT by_tls TO {}", stage.role()));
    let right = stage.file("right.pem", &chain);
    let other = stage.file("other.pem", &certificate().cert.pem());
    let (right, other) = (right.display(), other.display());
    let numeric = stage.url();
    let named = numeric.replace("127.0.0.1", "localhost");
    for (url, expected) in [
        (numeric.clone(), None),
        (format!("{numeric}?sslmode=require"), None),
        (format!("{numeric}?sslmode=verify-ca&sslrootcert={right}"), None),
        (format!("{named}?sslmode=verify-full&sslrootcert={right}"), None),
        (format!("{numeric}?sslmode=verify-full&sslrootcert={right}"), Some("certificate")),
        (format!("{named}?sslmode=verify-full&sslrootcert={other}"), Some("certificate")),
        (format!("{named}?sslmode=verify-ca&sslrootcert={other}"), Some("certificate")),
        (format!("{named}?sslmode=require&sslrootcert={other}"), Some("certificate")),
        (format!("{named}?sslmode=verify-full"), Some("certificate")),
        (format!("{named}?sslmode=verify-full&sslrootcert=/none"), Some("file of certificates")),
        (format!("{numeric}?sslmode=disable"), Some("28000")),
    ] {
        match (starts(&stage, &url).await, expected) {
            (Ok(()), None) => {}
            (Err((1 | 2, said)), Some(expected)) if said.contains(expected) => {}
            (found, _) => panic!("{url}: {found:?}"),
        }
    }
    // A database that does not encrypt is not spoken to when it should.
    let open = Stage::empty();
    let (_, said) = starts(&open, &format!("{}?sslmode=require", open.url())).await.unwrap_err();
    assert!(said.contains("does not encrypt"), "{said}");
}

/// What a pooler does with settings that a connection would begin with.
#[derive(Clone, Copy)]
enum Settings {
    /// As `PgBouncer` does.
    Refused,
    Forgotten,
}

const CANCEL: u32 = 80_877_102;
const TLS: u32 = 80_877_103;
const KNOWN: [&str; 6] =
    ["user", "database", "application_name", "client_encoding", "DateStyle", "TimeZone"];

/// Stands before the database like a pooler; returns where.
async fn pooler(database: SocketAddr, settings: Settings) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, database, settings));
        }
    });
    address
}

async fn pass(mut client: TcpStream, database: SocketAddr, settings: Settings) {
    let (mut code, mut body) = start(&mut client).await;
    if code == TLS {
        client.write_all(b"N").await.unwrap();
        (code, body) = start(&mut client).await;
    }
    let mut kept = Vec::new();
    if code == CANCEL {
        kept.clone_from(&body);
    } else {
        let words: Vec<_> = body.split(|byte| *byte == 0).collect();
        for pair in words.chunks(2).take_while(|pair| !pair[0].is_empty()) {
            let name = std::str::from_utf8(pair[0]).unwrap();
            if KNOWN.contains(&name) {
                kept.extend([pair[0], b"\0", pair[1], b"\0"].concat());
            } else if matches!(settings, Settings::Refused) {
                let text = format!("SFATAL\0C08P01\0Munsupported startup parameter: {name}\0\0");
                let length = u32::try_from(text.len() + 4).unwrap().to_be_bytes();
                let answer = [b"E".as_slice(), &length, text.as_bytes()].concat();
                return client.write_all(&answer).await.unwrap();
            }
        }
        kept.push(0);
    }
    let mut server = TcpStream::connect(database).await.unwrap();
    let length = u32::try_from(kept.len() + 8).unwrap();
    let first = [length.to_be_bytes().as_slice(), &code.to_be_bytes(), &kept].concat();
    server.write_all(&first).await.unwrap();
    // Either may go away first.
    drop(copy_bidirectional(&mut client, &mut server).await);
}

/// The first message of a connection: its code and what follows.
async fn start(client: &mut TcpStream) -> (u32, Vec<u8>) {
    let length = client.read_u32().await.unwrap();
    let code = client.read_u32().await.unwrap();
    let mut body = vec![0; usize::try_from(length).unwrap() - 8];
    client.read_exact(&mut body).await.unwrap();
    (code, body)
}

#[tokio::test]
async fn behind_a_pooler_the_settings_are_made_in_each_transaction() {
    let stage = Stage::new();
    let url = stage.url();
    let (_, host) = url.split_once('@').unwrap();
    let (host, _) = host.split_once('/').unwrap();
    for settings in [Settings::Refused, Settings::Forgotten] {
        let address = pooler(host.parse().unwrap(), settings).await;
        let mut client = stage
            .command()
            .env("DATABASE_URL", url.replace(host, &address.to_string()))
            .env("PG_STATEMENT_TIMEOUT", "700ms")
            .stdio();
        let sql = "SELECT current_setting('transaction_read_only'), current_setting('statement_timeout'),
            current_setting('search_path'), current_setting('lock_timeout'), '\\xff'::bytea, count(*) FROM orders";
        let answer = query(&mut client, sql).await;
        let expected = json!([["on", "700ms", "\"public\"", "2s", "\\xff", 2000]]);
        assert_eq!(answer["rows"], expected, "{answer}");
        let endless = "SELECT count(*) FROM order_items a, order_items b, order_items c";
        let answer = query(&mut client, endless).await;
        assert_eq!(answer["error"]["code"], "timeout", "{answer}");
        for sql in ["DELETE FROM orders", "SELECT nextval('orders_id_seq')"] {
            assert_eq!(query(&mut client, sql).await["error"]["code"], "forbidden");
        }
        let answer: Value = query(&mut client, "SHOW default_transaction_read_only").await;
        assert_eq!(answer["rows"], json!([["on"]]));
        client.process().wait_for_log("a pooler stands before the database").await;
    }
}
