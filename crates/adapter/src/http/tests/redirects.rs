//! Where redirects lead, and where not.

use super::*;

/// A server that redirects to another, and what both saw.
async fn lead(method: &str, status: u16, keys: Value, last: Reply) -> (String, String, String) {
    let second = Server::start(vec![last]).await;
    let first = Server::start(vec![Reply::redirect(status, &second.url("/b"))]).await;
    let mut all = json!({"url": first.url("/a"), "method": method});
    all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    let result = told(asked(all).run().await);
    (result, first.seen().concat(), second.seen().concat())
}

#[tokio::test]
async fn redirects_are_followed_in_one_place() {
    let replies = vec![Reply::redirect(307, "../b?c=d"), Reply::redirect(303, "/e"), Reply::ok("\"here\"")];
    let server = Server::start(replies).await;
    let keys = json!({"url": server.url("/x/y/a"), "headers": {"authorization": "hush-hush"}});
    assert_eq!(asked(keys).run().await, ok(json!("here")));
    let seen = server.seen();
    let [first, second, third] = seen.as_slice() else { panic!("{seen:?}") };
    for (request, line, is_act) in
        [(first, "POST /x/y/a ", true), (second, "POST /x/b?c=d ", true), (third, "GET /e ", false)]
    {
        assert!(request.starts_with(line), "{request}");
        assert!(request.contains("authorization: hush-hush"), "{request}");
        assert_eq!(request.contains("idempotency-key: key-1"), is_act, "{request}");
        assert_eq!(request.contains("\"task\":\"t\""), is_act, "{request}");
        assert_eq!(request.contains("content-type"), is_act, "{request}");
    }
}

#[tokio::test]
async fn another_origin_is_told_nothing_that_is_not_for_it() {
    let headers = json!({"headers": {"authorization": "hush-hush", "cookie": "a=hush", "x-own": "hush"}});
    for (method, status) in [("GET", 302), ("GET", 308), ("POST", 303), ("POST", 302)] {
        let (result, first, second) = lead(method, status, headers.clone(), Reply::ok("1")).await;
        assert_eq!(result, "ok: 1");
        assert_eq!(first.matches("hush").count(), 4, "{first}");
        assert!(second.starts_with("GET /b "), "{second}");
        for ours in ["hush", "authorization", "cookie", "x-own", "idempotency-key", "task"] {
            assert!(!second.contains(ours), "{second}");
        }
    }
}

#[tokio::test]
async fn what_was_not_told_elsewhere_is_not_told_on_the_way_back_either() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = format!("http://{}/back", listener.local_addr().unwrap());
    let away = Server::start(vec![Reply::redirect(302, &home)]).await;
    let replies = vec![Reply::redirect(302, &away.url("/")), Reply::ok("1")];
    let server = Server::serve(listener, replies);
    let keys = json!({"url": server.url("/"), "method": "GET", "headers": {"x-own": "hush"}});
    assert_eq!(asked(keys).run().await, ok(json!(1)));
    let seen = server.seen();
    assert!(seen[0].contains("hush") && !seen[1].contains("hush"), "{seen:?}");
}

#[tokio::test]
async fn an_act_is_not_sent_on_to_another_origin() {
    for (method, status) in [("POST", 307), ("POST", 308), ("PUT", 302), ("DELETE", 307)] {
        let (result, _, second) = lead(method, status, json!({}), Reply::ok("1")).await;
        let why = format!("and a place that is not called: no {method} is sent on to another origin");
        assert!(result.starts_with("failed: `") && result.ends_with(&why), "{result}");
        assert_eq!(second, "");
    }
}

#[tokio::test]
async fn redirects_come_to_an_end() {
    let server = Server::start(vec![Reply::redirect(302, "/again"); 7]).await;
    let result = told(asked(json!({"url": server.url("/"), "method": "GET"})).run().await);
    assert_eq!(result, "failed: `GET http://S/` redirects more than 5 times");
    assert_eq!(server.connections(), 6);
}

#[tokio::test]
async fn places_that_cannot_be_called_are_not() {
    for (place, why) in [
        ("ftp://a/", "and a place that is neither `http` nor `https`"),
        ("file:///etc/passwd", "and a place that is no address such as `https://example.com/path`"),
        ("http://u:p@a/", "and a place that holds a user or a password: put it into `headers`"),
    ] {
        let server = Server::start(vec![Reply::redirect(302, place)]).await;
        let result = told(asked(json!({"url": server.url("/"), "method": "GET"})).run().await);
        assert_eq!(result, format!("failed: `GET http://S/` answered 302 Found {why}"));
    }
}

#[test]
fn nothing_goes_from_https_to_plain_http() {
    let hop = Hop::first(&Method::GET, &Target::parse("https://a/").unwrap());
    for place in ["http://a/", "http://b/", "http://a:443/"] {
        let why = hop.onward(Method::GET, place).err().unwrap();
        assert_eq!(why, "and a place that is not called: it would be plain `http` after `https`");
    }
    assert!(hop.onward(Method::GET, "//b/").is_ok());
}

#[tokio::test]
async fn every_place_on_the_way_has_its_address_checked() {
    // The first place is allowed here as if it were public; what it leads to is not.
    let server = Server::start(vec![Reply::ok("1")]).await;
    let keys = json!({"url": "https://example.com/", "allow_private": false});
    let service = Service::new(keys.as_object().unwrap()).unwrap();
    let call = Call {
        clock: Arc::new(HandClock(TimeIsUp::default())),
        time_left: LONG,
        idempotency_key: "key-1".to_owned(),
        traceparent: "00-4acfb0b93ef77b63e365393ffff15623-6eeb77fa761ac8c4-01".to_owned(),
    };
    let first = Hop::first(&Method::GET, &Target::parse("http://example.com/").unwrap());
    let hop = first.onward(Method::GET, &server.url("/secret")).unwrap();
    let visited = service.visit(&hop, &call, b"", &mut Progress::NotBegun).await;
    let result = told(visited.map(|_| Output { value: json!("visited") }));
    let why = "`127.0.0.1` is not an address of the public internet (`allow_private: true` allows it)";
    assert_eq!(result, format!("failed: `GET http://S/secret` was not called: {why}"));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_act_that_leads_to_nothing_is_unknown_and_a_look_failed() {
    for (method, status, sort) in [("POST", 303, "unknown"), ("GET", 302, "failed")] {
        let gone = format!("{}b", server::nobody().await);
        let server = Server::start(vec![Reply::redirect(status, &gone)]).await;
        let result = told(asked(json!({"url": server.url("/a"), "method": method})).run().await);
        assert!(result.starts_with(&format!("{sort}: cannot reach `GET http://S/b`: ")), "{result}");
    }
}
