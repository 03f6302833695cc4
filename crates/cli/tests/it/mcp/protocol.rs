//! What a client sees of the server itself.

use super::*;

const ERAS: [Era; 2] = [Era::Initialized, Era::Inline];

#[test]
fn both_eras_list_the_same_and_call_it() {
    let filled = Filled::new(vec![sms(1)]);
    let mut seen = Vec::new();
    for era in ERAS {
        let mut server = Checked::start(&filled.home, era, &[]);
        let mut tools = server.client.result("tools/list", json!({}));
        let resources = server.client.result("resources/list", json!({}));
        let templates = server.client.result("resources/templates/list", json!({}));
        let prompts = server.client.result("prompts/list", json!({}));
        // A result says its type, and how long it may be kept, in the later era only.
        assert_eq!(
            tools["resultType"] == "complete",
            era == Era::Inline,
            "{tools}"
        );
        assert_eq!(tools["ttlMs"].is_number(), era == Era::Inline, "{tools}");
        for name in [json!("1"), json!(1)] {
            let object = server.call("read_event", json!({"event": name}));
            assert_eq!(object["event"]["seq"], 1);
        }
        let tools = tools["tools"].take();
        seen.push((
            tools,
            resources["resources"].clone(),
            templates["resourceTemplates"].clone(),
            prompts["prompts"].clone(),
        ));
        assert!(server.client.end());
    }
    assert_eq!(seen[0], seen[1]);
    let (tools, resources, templates, prompts) = &seen[0];
    for tool in tools.as_array().unwrap() {
        let hints = tool["annotations"].as_object().unwrap();
        for hint in [
            "readOnlyHint",
            "destructiveHint",
            "idempotentHint",
            "openWorldHint",
        ] {
            assert!(hints[hint].is_boolean(), "{tool}");
        }
        let name = tool["name"].as_str().unwrap();
        let reads = name.starts_with("read_") || name.starts_with("wait_");
        assert!(reads, "{name}");
        assert_eq!(hints["readOnlyHint"], true, "{name}");
        assert!(tool["description"].as_str().unwrap().len() < 400, "{name}");
        assert_eq!(tool["inputSchema"]["type"], "object", "{name}");
        assert_eq!(tool["outputSchema"]["type"], "object", "{name}");
        // One type for a field: clients refuse lists.
        assert!(!tool.to_string().contains("\"type\":["), "{tool}");
    }
    assert_eq!(resources[0]["uri"], "ringtail://status");
    assert_eq!(templates[0]["uriTemplate"], "ringtail://event/{number}");
    assert_eq!(prompts.as_array().unwrap().len(), 3);
}

#[test]
fn the_later_era_needs_no_initialize_but_a_version() {
    let filled = Filled::new(vec![]);
    let mut server = Checked::start(&filled.home, Era::Inline, &[]);
    let found = server.client.result("server/discover", json!({}));
    let versions = found["supportedVersions"].as_array().unwrap();
    for version in ["2025-11-25", "2026-07-28"] {
        assert!(versions.contains(&json!(version)), "{found}");
    }
    let bare = json!({"jsonrpc": "2.0", "id": 99, "method": "tools/list"});
    server.client.send_line(&bare.to_string());
    assert!(server.client.message()["error"]["code"].is_number());
}

#[test]
fn prompts_and_resources_are_read() {
    let filled = Filled::new(vec![sms(1)]);
    for era in ERAS {
        let mut server = Checked::start(&filled.home, era, &[]);
        let status = server
            .client
            .result("resources/read", json!({"uri": "ringtail://status"}));
        let text = status["contents"][0]["text"].as_str().unwrap();
        let status: Value = serde_json::from_str(text).unwrap();
        assert_eq!(status["type"], "status");
        let event = server
            .client
            .result("resources/read", json!({"uri": "ringtail://event/1"}));
        let text = event["contents"][0]["text"].as_str().unwrap();
        let event: Value = serde_json::from_str(text).unwrap();
        assert_eq!(event["event"]["seq"], 1);
        for missing in ["ringtail://event/9", "file:///etc/passwd"] {
            let response = server
                .client
                .response("resources/read", json!({"uri": missing}));
            assert!(response["error"]["code"].is_number(), "{response}");
        }
        for (name, arguments) in [
            ("debug_event", json!({"event": "1"})),
            ("prove_handler", json!({"scenario": "sms.inbound"})),
            ("check_delivery", json!({})),
        ] {
            let prompt = json!({"name": name, "arguments": arguments});
            let prompt = server.client.result("prompts/get", prompt);
            let text = prompt["messages"][0]["content"]["text"].as_str().unwrap();
            assert!(text.contains("1. ") && !text.contains("{}"), "{text}");
        }
        let without = server
            .client
            .response("prompts/get", json!({"name": "debug_event"}));
        assert!(
            without["error"]["message"]
                .as_str()
                .unwrap()
                .contains("event"),
            "{without}"
        );
    }
}

#[test]
fn a_missing_or_unknown_argument_is_an_error_and_nothing_else() {
    let filled = Filled::new(vec![sms(1)]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &[]);
    for (tool, arguments) in [
        ("read_event", json!({})),
        ("read_event", json!({"event": "1", "other": 1})),
        ("read_event", json!({"event": "1", "paths": ["a..b"]})),
        ("read_event", json!({"event": "9"})),
        ("read_events", json!({"limit": 0})),
        ("read_events", json!({"limit": 101})),
        ("wait_for_events", json!({"seconds": 51})),
        ("wait_for_events", json!({"after": "99"})),
        ("wait_for_events", json!({"after": "x"})),
        ("read_explanation", json!({})),
        ("no_such_tool", json!({})),
    ] {
        let error = server.fails(tool, arguments.clone());
        assert!(error["fix"].is_string(), "{tool} {arguments}: {error}");
    }
    let error = server.fails("read_events", json!({"filter": "kind:sms status:"}));
    assert_eq!(error["at"][0], "kind:sms status:", "{error}");
}

#[test]
fn nonsense_and_endless_lines_do_not_end_the_server() {
    let filled = Filled::new(vec![sms(1)]);
    let mut server = Checked::start(&filled.home, Era::Initialized, &[]);
    for line in ["{", "[]", "\u{0}\u{1}", "{\"jsonrpc\":\"2.0\"}"] {
        server.client.send_line(line);
    }
    server.client.send_line(&"x".repeat(3 * 1024 * 1024));
    let status = server.call("read_status", json!({}));
    assert_eq!(status["last_event"]["seq"], 1);
    assert!(server.client.end());
}

#[test]
fn text_repeats_the_object_for_clients_that_read_only_text() {
    let filled = Filled::new(vec![sms(1)]);
    let mut client = McpClient::start(filled.home.ringtail(&["mcp", "--text"]), Era::Initialized);
    let result = client.call("read_events", json!({}));
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, result["structuredContent"]);
}
