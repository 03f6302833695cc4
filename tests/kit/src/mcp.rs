//! A client of the Model Context Protocol on the standard input and output of a program.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};

use serde_json::{Value, json};

use crate::wait::PATIENCE;

/// Versions of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// 2025-11-25: the client begins with `initialize`.
    Initialized,
    /// 2026-07-28: each request says its version.
    Inline,
}

/// A client, and its server.
#[derive(Debug)]
pub struct McpClient {
    server: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    era: Era,
    last: u64,
}

impl McpClient {
    /// Starts a server, and a session with it.
    pub fn start(mut command: Command, era: Era) -> Self {
        let mut server = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(server.stdout.take().unwrap());
        let (sender, lines) = sync_channel(64);
        std::thread::spawn(move || {
            for line in output.lines() {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        let mut client = Self {
            input: server.stdin.take(),
            server,
            lines,
            era,
            last: 0,
        };
        if era == Era::Initialized {
            let answer = client.result(
                "initialize",
                json!({
                    "protocolVersion": "2025-11-25",
                    "capabilities": {},
                    "clientInfo": {"name": "test", "version": "1"},
                }),
            );
            assert_eq!(answer["protocolVersion"], "2025-11-25", "{answer}");
            client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        }
        client
    }

    /// Sends a line as it is.
    pub fn send_line(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn send(&mut self, message: &Value) {
        self.send_line(&message.to_string());
    }

    /// Sends a request, and returns its number.
    pub fn request(&mut self, method: &str, mut parameters: Value) -> u64 {
        self.last += 1;
        if self.era == Era::Inline {
            parameters["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        self.send(
            &json!({"jsonrpc": "2.0", "id": self.last, "method": method, "params": parameters}),
        );
        self.last
    }

    /// Returns the next message.
    pub fn message(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Sends a request, and returns the whole response to it.
    pub fn response(&mut self, method: &str, parameters: Value) -> Value {
        let number = self.request(method, parameters);
        loop {
            let message = self.message();
            if message["id"] == number {
                return message;
            }
        }
    }

    /// Sends a request that succeeds, and returns its result.
    pub fn result(&mut self, method: &str, parameters: Value) -> Value {
        let mut response = self.response(method, parameters);
        assert!(response["error"].is_null(), "{method}: {response}");
        response["result"].take()
    }

    /// Calls a tool, and returns its whole result.
    pub fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let mut call = json!({"name": tool});
        call["arguments"] = arguments;
        self.result("tools/call", call)
    }

    /// Ends the session, and returns whether the server ended well.
    pub fn end(mut self) -> bool {
        drop(self.input.take());
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.server.wait().unwrap().success()
    }
}

impl Drop for McpClient {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}
