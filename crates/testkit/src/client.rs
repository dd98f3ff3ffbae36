//! rmcp's own client, as a host would use it, in every version and over both transports.

use std::process::Stdio;

use rmcp::model::{ClientConfig, ProtocolVersion};
use rmcp::service::{ClientInitializeError, RunningService};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{IntoTransport, StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient};

use crate::ServerCommand;
use crate::wire::is_modern;

/// A connected client; `cancel` ends it.
pub type Client<H = ClientConfig> = RunningService<RoleClient, H>;

/// Connects to a Streamable HTTP endpoint, with a bearer token if one is given.
///
/// # Errors
///
/// What the server answered instead of the handshake: a refused token, an unknown version.
pub async fn connect_http(
    url: &str,
    version: ProtocolVersion,
    token: Option<&str>,
) -> Result<Client, ClientInitializeError> {
    connect(http_transport(url, token), version.clone(), config(version)).await
}

/// Starts the command's `stdio` server and connects to it.
///
/// # Errors
///
/// What the server answered instead of the handshake.
pub async fn connect_stdio(
    command: &ServerCommand,
    version: ProtocolVersion,
) -> Result<Client, ClientInitializeError> {
    connect(stdio_transport(command), version.clone(), config(version)).await
}

/// Connects a handler of the caller's own, for instance one that answers elicitation.
///
/// A legacy handler's `get_info` must name the same version: [`config`] makes one that does.
///
/// # Errors
///
/// What the server answered instead of the handshake.
pub async fn connect<H, T, E, A>(
    transport: T,
    version: ProtocolVersion,
    handler: H,
) -> Result<Client<H>, ClientInitializeError>
where
    H: ClientHandler,
    T: IntoTransport<RoleClient, E, A>,
    E: std::error::Error + Send + Sync + 'static,
{
    let lifecycle = if is_modern(&version) {
        ClientLifecycleMode::Discover { preferred_versions: vec![version] }
    } else {
        ClientLifecycleMode::Initialize
    };
    handler.serve_with_lifecycle(transport, lifecycle).await
}

/// A client's identity that asks for `version`, without capabilities.
pub fn config(version: ProtocolVersion) -> ClientConfig {
    let mut config = ClientConfig::default();
    config.protocol_version = version;
    config
}

/// A transport for [`connect`] over Streamable HTTP.
pub fn http_transport(
    url: &str,
    token: Option<&str>,
) -> StreamableHttpClientTransport<reqwest::Client> {
    http_transport_with(url, token, &[])
}

/// The same with headers of one's own in every request.
pub fn http_transport_with(
    url: &str,
    token: Option<&str>,
    headers: &[(&str, &str)],
) -> StreamableHttpClientTransport<reqwest::Client> {
    let headers = headers.iter().map(|(name, value)| {
        (name.parse().expect("the name of a header"), value.parse().expect("the value of a header"))
    });
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    let config = config.custom_headers(headers.collect());
    let config = match token {
        Some(token) => config.auth_header(token),
        None => config,
    };
    StreamableHttpClientTransport::from_config(config)
}

/// A transport for [`connect`] over a child's stdin and stdout; the child is killed with it.
pub fn stdio_transport(command: &ServerCommand) -> TokioChildProcess {
    let command = command.clone().args(["stdio"]).command();
    // Its log would stand between the lines of the test's own.
    let (transport, _no_log) = TokioChildProcess::builder(command)
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be started");
    transport
}
