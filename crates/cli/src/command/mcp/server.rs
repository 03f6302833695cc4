//! The protocol: the only module that knows `rmcp`, whose versions come often.
//!
//! Both eras are served: 2025-11-25 with `initialize`, and 2026-07-28, in which each request says its version.

use std::sync::Arc;

use ringtail_errors::{Failure, codes};
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData,
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, Implementation, JsonObject,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, Prompt, PromptArgument, PromptMessage, ReadResourceRequestParams,
    ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, ResourceTemplate, Role,
    ServerCapabilities, ServerConfig, ToolAnnotations,
};
use rmcp::service::{QuitReason, RequestContext, RoleServer, ServiceExt as _};
use rmcp::transport::async_rw::AsyncRwTransport;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};

use super::answer::{Answer, error};
use super::prompts::{INSTRUCTIONS, PROMPTS};
use super::session::Session;
use super::tools::{self, Hints, Tool};

/// The longest request in bytes.
const MAX_REQUEST: usize = 1024 * 1024;

/// The resource of `read_status`.
const STATUS: &str = "ringtail://status";

/// The beginning of the resource of an event.
const EVENT: &str = "ringtail://event/";

/// Serves a client until it closes its end.
pub(super) async fn serve<R, W>(
    session: Session,
    as_text: bool,
    input: R,
    output: W,
) -> Result<(), Failure>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let transport = AsyncRwTransport::new_server(input, output).with_max_line_length(MAX_REQUEST);
    let server = Server { session, as_text };
    let failed = |what: String| Failure::new(&codes::FAILED, format!("MCP: {what}"));
    let running = match server.serve(transport).await {
        Ok(running) => running,
        // The client left before its first request.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(failed(error.to_string())),
    };
    match running.waiting().await {
        Ok(QuitReason::JoinError(error)) | Err(error) => Err(failed(error.to_string())),
        Ok(_) => Ok(()),
    }
}

struct Server {
    session: Session,
    /// Whether the text repeats the object.
    as_text: bool,
}

impl Server {
    async fn call(&self, name: &str, arguments: Map<String, Value>) -> Result<Answer, Failure> {
        let tool = tools::of(&self.session).find(|tool| tool.name == name);
        let tool = tool.ok_or_else(|| no_tool(name))?;
        (tool.call)(&self.session, arguments).await
    }

    fn result(&self, answered: Result<Answer, Failure>) -> CallToolResult {
        match answered {
            Ok(answer) => {
                let object = Value::Object(answer.object);
                match self.as_text {
                    true => CallToolResult::structured(object),
                    false => {
                        let mut result =
                            CallToolResult::success(vec![ContentBlock::text(answer.line)]);
                        result.structured_content = Some(object);
                        result
                    }
                }
            }
            // Clients hold a structured error to the schema of the result, and would drop it.
            Err(failure) => {
                CallToolResult::error(vec![ContentBlock::text(error(&failure).to_string())])
            }
        }
    }
}

fn no_tool(name: &str) -> Failure {
    let acts = tools::TOOLS.iter().any(|tool| tool.name == name);
    let failure = format!("no tool \"{name}\"");
    let hint = match acts {
        true => "it acts: the developer adds --allow-send to the command line of `ringtail mcp`",
        false => "tools/list has the names",
    };
    Failure::new(&codes::USAGE, failure).hint(hint)
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("ringtail", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = tools::of(&self.session).map(listed).collect();
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let called = self.call(&request.name, request.arguments.unwrap_or_default());
        let answered = tokio::select! {
            biased;
            () = context.ct.cancelled() => Err(Failure::new(&codes::FAILED, "the client cancelled the call")),
            answered = called => answered,
        };
        Ok(self.result(answered).into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let status = Resource::new(STATUS, "status")
            .with_description("Endpoints, targets, waiting events")
            .with_mime_type("application/json");
        Ok(ListResourcesResult::with_all_items(vec![status]))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let event = ResourceTemplate::new(format!("{EVENT}{{number}}"), "event")
            .with_description("An event by its number: request and answers, data from outside")
            .with_mime_type("application/json");
        Ok(ListResourceTemplatesResult::with_all_items(vec![event]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri;
        let (tool, arguments) = match uri.strip_prefix(EVENT) {
            _ if uri == STATUS => ("read_status", Map::new()),
            Some(number) => {
                let event = Value::String(number.to_owned());
                ("read_event", Map::from_iter([("event".to_owned(), event)]))
            }
            None => return Err(ErrorData::resource_not_found("no such resource", None)),
        };
        let answer = self.call(tool, arguments).await.map_err(|failure| {
            ErrorData::resource_not_found("no such resource", Some(error(&failure)))
        })?;
        let text = Value::Object(answer.object).to_string();
        let contents = ResourceContents::text(text, uri).with_mime_type("application/json");
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let prompts = PROMPTS.iter().map(|prompt| {
            let arguments = prompt.argument.map(|(name, about)| {
                vec![
                    PromptArgument::new(name)
                        .with_description(about)
                        .with_required(true),
                ]
            });
            Prompt::new(prompt.name, Some(prompt.about), arguments).with_title(prompt.title)
        });
        Ok(ListPromptsResult::with_all_items(prompts.collect()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let wrong = |text: String| ErrorData::invalid_params(text, None);
        let prompt = PROMPTS.iter().find(|prompt| prompt.name == request.name);
        let prompt = prompt.ok_or_else(|| wrong("no such prompt".to_owned()))?;
        let given = request.arguments.unwrap_or_default();
        let value = match prompt.argument {
            None => "",
            Some((name, _)) => given
                .get(name)
                .and_then(Value::as_str)
                .ok_or_else(|| wrong(format!("the prompt needs the argument {name}")))?,
        };
        let message = PromptMessage::new_text(Role::User, prompt.text(value));
        Ok(GetPromptResult::new(vec![message]).into())
    }
}

fn listed(tool: &Tool) -> rmcp::model::Tool {
    let output = match (tool.output)() {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    };
    let (reads, again, open) = match tool.hints {
        Hints::Reads => (true, true, false),
        Hints::Asks => (true, true, true),
        Hints::Sends => (false, false, true),
        Hints::Marks => (false, true, false),
    };
    let annotations = ToolAnnotations::with_title(tool.title)
        .read_only(reads)
        .destructive(false)
        .idempotent(again)
        .open_world(open);
    rmcp::model::Tool::new(tool.name, tool.about, Arc::new((tool.input)()))
        .with_raw_output_schema(Arc::new(output))
        .with_annotations(annotations)
}
