//! How a connection is let in: start-up, authentication, and what PostgreSQL tells of itself.

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::{
    authentication::{
        md5_hash,
        sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256},
    },
    message::{backend::Message, frontend},
};
use secrecy::ExposeSecret as _;

use super::{
    Address, Connection, Received, ServerError, WireError,
    connection::{CancelKey, Stream},
    connector::Setting,
};

/// The largest message before anybody is let in.
const LIMIT: usize = 64 * 1_024;

/// What every session has, whatever the role's defaults are; poolers accept these.
const SESSION: [(&str, &str); 4] = [
    ("application_name", "mcp-postgres"),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("TimeZone", "UTC"),
];

/// Starts a session.
pub(super) async fn start(
    stream: Box<dyn Stream>,
    address: &Address,
    settings: &[Setting],
) -> Result<Connection, WireError> {
    let mut connection = Connection::new(stream);
    let who = [("user", address.user.as_str()), ("database", address.database.as_str())];
    let settings = settings.iter().map(|(name, value)| (*name, value.as_str()));
    let parameters = who.into_iter().chain(SESSION).chain(settings);
    frontend::startup_message(parameters, connection.outgoing())?;
    connection.send().await?;
    authenticate(&mut connection, address).await?;
    loop {
        match next(&mut connection).await? {
            Message::BackendKeyData(body) => {
                connection.key =
                    CancelKey { process: body.process_id(), secret: body.secret_key() };
            }
            Message::ParameterStatus(body) if body.name()? == "server_version" => {
                let digits = body.value()?.split(|letter: char| !letter.is_ascii_digit()).next();
                connection.version = digits.and_then(|it| it.parse().ok()).unwrap_or_default();
            }
            Message::ReadyForQuery(_) => return Ok(connection),
            _ => {}
        }
    }
}

async fn authenticate(connection: &mut Connection, address: &Address) -> Result<(), WireError> {
    let password = || address.password.as_ref().map(|it| it.expose_secret().as_bytes());
    loop {
        match next(connection).await? {
            Message::AuthenticationOk => return Ok(()),
            Message::AuthenticationCleartextPassword => {
                let password = password().ok_or(MISSING)?;
                frontend::password_message(password, connection.outgoing())?;
                connection.send().await?;
                return finish(connection).await;
            }
            Message::AuthenticationMd5Password(body) => {
                let password = password().ok_or(MISSING)?;
                let hash = md5_hash(address.user.as_bytes(), password, body.salt());
                frontend::password_message(hash.as_bytes(), connection.outgoing())?;
                connection.send().await?;
                return finish(connection).await;
            }
            Message::AuthenticationSasl(body) => {
                let mut mechanisms = body.mechanisms();
                let mut is_offered = false;
                while let Some(mechanism) = mechanisms.next()? {
                    is_offered |= mechanism == SCRAM_SHA_256;
                }
                if !is_offered {
                    return Err(WireError::Protocol(
                        "offers no way of authentication that is known",
                    ));
                }
                return scram(connection, password().ok_or(MISSING)?).await;
            }
            Message::NoticeResponse(_) | Message::ParameterStatus(_) => {}
            _ => {
                return Err(WireError::Protocol(
                    "asks for a way of authentication that is not known",
                ));
            }
        }
    }
}

/// RFC 7677. The database proves that it knows the password, too.
async fn scram(connection: &mut Connection, password: &[u8]) -> Result<(), WireError> {
    let mut scram = ScramSha256::new(password, ChannelBinding::unsupported());
    frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), connection.outgoing())?;
    connection.send().await?;
    let Message::AuthenticationSaslContinue(body) = next(connection).await? else {
        return Err(UNEXPECTED);
    };
    scram.update(body.data())?;
    frontend::sasl_response(scram.message(), connection.outgoing())?;
    connection.send().await?;
    let Message::AuthenticationSaslFinal(body) = next(connection).await? else {
        return Err(UNEXPECTED);
    };
    scram.finish(body.data())?;
    finish(connection).await
}

async fn finish(connection: &mut Connection) -> Result<(), WireError> {
    match next(connection).await? {
        Message::AuthenticationOk => Ok(()),
        _ => Err(UNEXPECTED),
    }
}

const MISSING: WireError = WireError::Protocol("asks for a password, and `DATABASE_URL` has none");
const UNEXPECTED: WireError = WireError::Protocol("answers out of order");

async fn next(connection: &mut Connection) -> Result<Message, WireError> {
    match connection.receive(LIMIT).await? {
        Received::Message(Message::ErrorResponse(body)) => {
            Err(WireError::Server(ServerError::read(&body)))
        }
        Received::Message(message) => Ok(message),
        Received::Oversized { .. } => Err(WireError::Protocol("answers at too great length")),
    }
}
