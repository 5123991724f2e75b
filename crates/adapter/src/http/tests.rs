#![expect(clippy::disallowed_methods, reason = "tests call real servers, on this machine's own address")]

mod redirects;
mod server;
mod tls;

use super::*;
use comity_core::Timestamp;
use serde_json::json;
use server::{Reply, Server, TimeIsUp};
use std::pin::pin;

const LONG: Duration = Duration::from_secs(60);

/// A clock on which time is over when a test says so.
struct HandClock(TimeIsUp);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.0.clone().wait())
    }
}

/// What a step says about a service on this machine, and what it is called with.
struct Asked {
    keys: Value,
    over: TimeIsUp,
    trust: Trust,
}

fn asked(keys: Value) -> Asked {
    let mut keys = keys;
    keys["allow_private"] = keys.get("allow_private").cloned().unwrap_or(json!(true));
    Asked { keys, over: TimeIsUp::default(), trust: connection::of_this_machine }
}

impl Asked {
    async fn run(&self) -> Result<Output, Failure> {
        self.run_for(LONG).await
    }

    async fn run_for(&self, time_left: Duration) -> Result<Output, Failure> {
        let mut service = Service::new(self.keys.as_object().unwrap()).unwrap();
        service.trust = self.trust;
        let call = Call {
            clock: Arc::new(HandClock(self.over.clone())),
            time_left,
            idempotency_key: "key-1".to_owned(),
            traceparent: "00-4acfb0b93ef77b63e365393ffff15623-6eeb77fa761ac8c4-01".to_owned(),
        };
        let input = Input::new(json!({"task": "t", "context": {}}));
        service.run(call, &input.bytes).await
    }
}

/// Asks a server that answers once.
async fn ask(reply: Reply) -> Result<Output, Failure> {
    let server = Server::start(vec![reply]).await;
    asked(json!({"url": server.url("/x?key=hidden")})).run().await
}

fn ok(value: Value) -> Result<Output, Failure> {
    Ok(Output { value })
}

/// The message of a failure, behind a word for its sort; the port of a server is any.
fn told(result: Result<Output, Failure>) -> String {
    let text = match result {
        Ok(output) => format!("ok: {}", output.value),
        Err(Failure::Failed(message)) => format!("failed: {message}"),
        Err(Failure::Unknown(message)) => format!("unknown: {message}"),
        Err(other) => format!("other: {other:?}"),
    };
    let mut parts = text.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + "S" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

#[tokio::test]
async fn sends_the_input_and_says_who_asks() {
    let server = Server::start(vec![Reply::ok("")]).await;
    let asked =
        asked(json!({"url": server.url("/x?q=1"), "headers": {"X-Own": "a b", "accept": "text/csv"}}));
    assert_eq!(asked.run().await, ok(json!(null)));
    let seen = server.seen();
    let [request] = seen.as_slice() else { panic!("{seen:?}") };
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /x?q=1 HTTP/1.1\r\n"), "{head}");
    for line in [
        &format!("host: {}", server.address),
        "content-type: application/json",
        "idempotency-key: key-1",
        "traceparent: 00-4acfb0b93ef77b63e365393ffff15623-6eeb77fa761ac8c4-01",
        "user-agent: comity/0.1",
        "x-own: a b",
        "accept: text/csv",
        "content-length: 25",
        "connection: close",
    ] {
        assert_eq!(head.lines().filter(|seen| seen == &line).count(), 1, "{line}: {head}");
    }
    assert_eq!(head.matches("accept:").count(), 1, "{head}");
    assert_eq!(body, "{\"context\":{},\"task\":\"t\"}");
}

#[tokio::test]
async fn only_methods_that_carry_a_body_carry_one() {
    for (method, carries) in [("GET", false), ("DELETE", false), ("PUT", true), ("PATCH", true)] {
        let server = Server::start(vec![Reply::ok("1")]).await;
        assert_eq!(asked(json!({"url": server.url("/"), "method": method})).run().await, ok(json!(1)));
        let request = server.seen().concat();
        assert!(request.starts_with(method), "{request}");
        assert_eq!(request.contains("\"task\""), carries, "{request}");
        assert_eq!(request.contains("content-type"), carries, "{request}");
        assert!(request.contains("idempotency-key: key-1"), "{request}");
    }
}

#[tokio::test]
async fn every_attempt_has_the_same_key() {
    let server = Server::start(vec![Reply::new(503, "", "busy"), Reply::ok("1")]).await;
    let asked = asked(json!({"url": server.url("/")}));
    assert!(asked.run().await.is_err());
    assert!(asked.run().await.is_ok());
    let seen = server.seen();
    let keys: Vec<_> = seen.iter().flat_map(|r| r.lines().filter(|l| l.starts_with("idempotency"))).collect();
    assert_eq!(keys, ["idempotency-key: key-1"; 2]);
}

#[tokio::test]
async fn a_success_is_its_body() {
    let answer = json!({"content": "c", "confidence": 0.5, "structured": {"k": [1]}});
    assert_eq!(ask(Reply::json(&answer.to_string())).await, ok(answer));
    assert_eq!(ask(Reply::new(201, "content-type: text/plain\r\n", "made")).await, ok(json!("made")));
    assert_eq!(ask(Reply::ok("plain")).await, ok(json!("plain")));
    assert_eq!(ask(Reply::raw("HTTP/1.1 204 No Content\r\n\r\n")).await, ok(json!(null)));
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n";
    assert_eq!(ask(Reply::raw(chunked)).await, ok(json!([1, 2])));
    assert_eq!(ask(Reply::raw("HTTP/1.1 200 OK\r\n\r\n\"to the end\"")).await, ok(json!("to the end")));
}

#[tokio::test]
async fn a_service_that_says_it_failed_has_failed() {
    for (reply, message) in [
        (Reply::new(404, "", "no\n such  thing"), "404 Not Found: no such thing"),
        (Reply::new(500, "", ""), "500 Internal Server Error"),
        (Reply::new(503, "", &"x".repeat(9000)), &format!("503 Service Unavailable: {}", "x".repeat(200))),
        (Reply::new(502, "", "\x1b[2Jgateway"), "502 Bad Gateway: [2Jgateway"),
        (Reply::new(304, "", ""), "304 Not Modified"),
        (
            Reply::new(200, "content-type: application/json\r\n", "<p>"),
            "200 OK with a body that is declared JSON and is not: expected value at line 1 column 1",
        ),
        // It broke off, but it had said enough.
        (Reply::raw("HTTP/1.1 500 Oh\r\ncontent-length: 99\r\n\r\nno"), "500 Internal Server Error: no"),
    ] {
        assert_eq!(told(ask(reply).await), format!("failed: `POST http://S/x` answered {message}"));
    }
}

#[tokio::test]
async fn a_service_that_repeats_our_headers_is_not_repeated() {
    let server = Server::start(vec![Reply::new(401, "", "bad token: hush-hush-hush")]).await;
    let keys = json!({"url": server.url("/"), "headers": {"authorization": "Bearer hush-hush-hush"}});
    let message = "failed: `POST http://S/` answered 401 Unauthorized: bad token: [redacted]";
    assert_eq!(told(asked(keys).run().await), message);
    assert!(server.seen().concat().contains("authorization: Bearer hush-hush-hush"));
}

#[tokio::test]
async fn a_service_that_breaks_off_is_unknown() {
    let result = told(ask(Reply::raw("")).await);
    assert!(result.starts_with("unknown: `POST http://S/x` broke off before it answered: "), "{result}");
    let result = told(ask(Reply::raw("HTTP/1.1 200 OK\r\ncontent-le")).await);
    assert!(result.starts_with("unknown: `POST http://S/x` broke off before it answered: "), "{result}");
    for cut in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n123\r\n",
    ] {
        let result = told(ask(Reply::raw(cut)).await);
        assert!(result.starts_with("unknown: `POST http://S/x` answered 200 OK and broke off: "), "{result}");
    }
}

#[tokio::test]
async fn a_service_that_is_late_is_unknown_unless_it_had_refused() {
    for (start, expected) in [
        ("", "unknown: `POST http://S/` did not answer within 60.000 s"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12",
            "unknown: `POST http://S/` did not answer within 60.000 s",
        ),
        ("HTTP/1.1 409 No\r\ncontent-length: 10\r\n\r\n12", "failed: `POST http://S/` answered 409 Conflict"),
    ] {
        let over = TimeIsUp::default();
        let server = Server::start(vec![Reply::raw(start).then_stall(over.clone())]).await;
        let mut asked = asked(json!({"url": server.url("/")}));
        asked.over = over;
        assert_eq!(told(asked.run().await), expected);
        assert!(server.was_left().await, "the connection is still open");
    }
}

#[tokio::test]
async fn a_connection_that_is_not_made_in_time_is_failed() {
    // Nobody shakes hands there: time is over before anything was sent.
    let over = TimeIsUp::default();
    let server = Server::start(vec![Reply::raw("").before_reading().then_stall(over.clone())]).await;
    let mut asked = asked(json!({"url": server.url("/").replace("http:", "https:")}));
    asked.over = over;
    asked.trust = tls::own_trust;
    assert_eq!(told(asked.run().await), "failed: `POST https://S/` did not answer within 60.000 s");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_failed() {
    let result = told(asked(json!({"url": server::nobody().await})).run().await);
    assert_eq!(result, "failed: cannot reach `POST http://S/`: Connection refused (os error 111)");
    let result = told(asked(json!({"url": "http://nobody.invalid/"})).run().await);
    assert!(result.starts_with("failed: cannot reach `POST http://nobody.invalid/`: "), "{result}");
}

#[tokio::test]
async fn nothing_is_sent_when_no_time_is_left() {
    let server = Server::start(vec![Reply::ok("1")]).await;
    let result = asked(json!({"url": server.url("/")})).run_for(Duration::ZERO).await;
    assert_eq!(told(result), "failed: `POST http://S/` was not called: no time was left");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_refused_and_not_held() {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let endless = Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").then_forever(&chunk);
    let declared = Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n");
    for reply in [endless, declared, Reply::ok(&"x".repeat(65537))] {
        let server = Server::start(vec![reply]).await;
        let result = asked(json!({"url": server.url("/"), "max_response_bytes": 65536})).run().await;
        assert_eq!(told(result), "failed: `POST http://S/` answered 200 OK with more than 65536 bytes");
        assert!(server.was_left().await, "the connection is still open");
    }
    let server = Server::start(vec![Reply::ok(&"x".repeat(65536))]).await;
    let result = asked(json!({"url": server.url("/"), "max_response_bytes": 65536})).run().await;
    assert!(result.is_ok(), "{result:?}");
}

#[tokio::test]
async fn an_endless_refusal_is_not_read_to_its_end() {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let endless = Reply::raw("HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n").then_forever(&chunk);
    let message =
        format!("failed: `POST http://S/x` answered 500 Internal Server Error: {}", "x".repeat(200));
    assert_eq!(told(ask(endless).await), message);
}

#[tokio::test]
async fn dropping_the_call_closes_the_connection() {
    let server = Server::start(vec![Reply::raw("").then_stall(TimeIsUp::default())]).await;
    let asked = asked(json!({"url": server.url("/")}));
    {
        let mut call = pin!(asked.run());
        tokio::select! {
            result = &mut call => panic!("ended by itself: {result:?}"),
            () = server.has_seen(1) => {}
        }
    }
    assert!(server.was_left().await);
}

#[tokio::test]
async fn private_addresses_are_called_only_when_allowed() {
    let server = Server::start(vec![Reply::ok("1")]).await;
    let port = server.address.port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "0x7f.0.0.1", "2130706433", "[::1]"]
    {
        let url = format!("http://{host}:{port}/");
        let result = told(asked(json!({"url": url, "allow_private": false})).run().await);
        let why = " is not an address of the public internet (`allow_private: true` allows it)";
        assert!(result.starts_with("failed: `POST http://") && result.ends_with(why), "{result}");
    }
    assert_eq!(server.connections(), 0);
    let url = format!("http://localhost:{port}/");
    assert_eq!(asked(json!({"url": url})).run().await, ok(json!(1)));
}

#[tokio::test]
async fn many_calls_at_once_each_get_their_own_answer() {
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..32 {
        calls.spawn(async move { (ask(Reply::ok(&number.to_string())).await, ok(json!(number))) });
    }
    while let Some(call) = calls.join_next().await {
        let (result, expected) = call.unwrap();
        assert_eq!(result, expected);
    }
}

#[test]
fn says_what_is_wrong_with_its_keys() {
    let error = |keys: Value| Service::new(keys.as_object().unwrap()).err().map(|error| error.to_string());
    let url = "https://a/";
    let message = "`url` holds a user or a password: put it into `headers`";
    assert_eq!(error(json!({"url": "https://u:p@a/"})).unwrap(), message);
    let message = "key `method` of kind `http` is not one of GET, POST, PUT, PATCH, DELETE";
    assert_eq!(error(json!({"url": url, "method": "get"})).unwrap(), message);
    let message = "key `max_response_bytes` of kind `http` is not a whole number from 1 to 67108864";
    for limit in [0, 67_108_865] {
        assert_eq!(error(json!({"url": url, "max_response_bytes": limit})).unwrap(), message);
    }
    assert_eq!(error(json!({"url": url, "max_response_bytes": 67_108_864})), None);
    assert_eq!(error(json!({"url": url, "headers": {"a": "b"}})), None);
}

#[test]
fn endpoints_tell_services_apart_by_their_origin() {
    let keys = json!({"url": "https://Api.example.com:443/v1?key=hidden"});
    let service = Service::new(keys.as_object().unwrap()).unwrap();
    assert_eq!(service.endpoint(), "http:https://api.example.com");
}
