//! nginx, as it stands before replicas: plain round robin.

use std::net::SocketAddr;

use crate::daemon::{Daemon, Launch};
use crate::environment;

const PACKAGE: &str = "nginx-light";

/// Everything that nginx would keep elsewhere stays in its directory. A replica that is away is left alone for a second.
const CONFIGURATION: &str = "\
worker_processes 1;
pid nginx.pid;
daemon off;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream replicas {
        REPLICAS
        keepalive 64;
    }
    server {
        listen 127.0.0.1:PORT;
        location / {
            proxy_pass http://replicas;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $http_host;
            proxy_buffering off;
        }
    }
}
";

/// nginx with a port of its own. It ends with the test process, however that ends.
#[derive(Debug)]
pub struct Nginx {
    _daemon: Daemon,
    port: u16,
}

impl Nginx {
    /// Hands requests to `replicas` in turn.
    pub fn before(replicas: &[SocketAddr]) -> Self {
        let mut daemon = Daemon::new("mcp-test-nginx-");
        let server = |replica: &SocketAddr| format!("server {replica} fail_timeout=1s;");
        let replicas: Vec<_> = replicas.iter().map(server).collect();
        let configuration = CONFIGURATION.replace("REPLICAS", &replicas.join("\n        "));
        std::fs::write(daemon.directory().join("template"), configuration)
            .expect("the configuration can be written");
        let nginx = environment::program(&["nginx"], PACKAGE);
        let nginx = nginx.to_str().expect("programs have plain names");
        // nginx takes no port on its command line.
        let start = format!(
            "sed \"s/PORT/$2/\" template > configuration && \
             exec {nginx} -p \"$PWD\" -c configuration -e stderr -g 'error_log stderr notice;'"
        );
        let launch = Launch {
            program: "/bin/sh".into(),
            arguments: ["-c", &start, "nginx"].map(Into::into).into(),
            port_flag: "--port",
            ready: "start worker process",
            port_taken: "Address already in use",
            stop_signal: "TERM",
        };
        let port = daemon.start_anywhere(&launch);
        Self { _daemon: daemon, port }
    }

    /// The MCP endpoint of the replicas.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.port)
    }
}
