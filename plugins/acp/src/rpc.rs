//! JSON-RPC 2.0, one message a line: reads what the agent prints, and writes what it is sent.
//!
//! Messages are read as plain JSON values and not into types of the protocol: agents of different
//! ages disagree about optional fields, and one field of an unexpected type must not lose the
//! message. Ids of requests are returned to the agent exactly as it wrote them.

use std::fmt;

use autoissue_plugin_sdk::serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, json};

/// The method is not available.
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;
/// Internal error.
pub(crate) const INTERNAL_ERROR: i64 = -32603;
/// The agent is not logged in.
pub(crate) const AUTH_REQUIRED: i64 = -32000;

/// A message of the agent.
#[derive(Debug, PartialEq)]
pub(crate) enum Message {
    /// A request, which must be answered.
    Request {
        id: Value,
        method: String,
        params: Value,
    },
    /// A notification.
    Notification { method: String, params: Value },
    /// The response to one of our requests.
    Response {
        id: Value,
        result: Result<Value, RpcError>,
    },
}

/// An error in a response.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RpcError {
    /// Code of JSON-RPC or of the protocol; some agents use HTTP statuses.
    pub(crate) code: i64,
    /// Text for people.
    pub(crate) message: String,
    /// Further facts.
    pub(crate) data: Value,
}

/// Reads a line; `None` if it is not a message.
pub(crate) fn read(line: &str) -> Option<Message> {
    let Value::Object(mut fields) = serde_json::from_str(line).ok()? else {
        return None;
    };
    let id = fields.remove("id");
    let params = fields.remove("params").unwrap_or_default();
    match (fields.remove("method"), id) {
        (Some(Value::String(method)), Some(id)) => Some(Message::Request { id, method, params }),
        (Some(Value::String(method)), None) => Some(Message::Notification { method, params }),
        (Some(_), _) | (None, None) => None,
        (None, Some(id)) => Some(Message::Response {
            id,
            result: response(&mut fields),
        }),
    }
}

fn response(fields: &mut serde_json::Map<String, Value>) -> Result<Value, RpcError> {
    match fields.remove("error") {
        None | Some(Value::Null) => Ok(fields.remove("result").unwrap_or_default()),
        Some(error) => Err(RpcError {
            code: error["code"].as_i64().unwrap_or(INTERNAL_ERROR),
            message: error["message"].as_str().unwrap_or_default().to_owned(),
            data: error["data"].clone(),
        }),
    }
}

/// What is known of a message whose line was cut.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Beginning {
    /// Its id, if it comes before the cut.
    pub(crate) id: Option<Value>,
    /// Its method, if it comes before the cut.
    pub(crate) method: Option<String>,
}

/// Reads the beginning of a message, up to where the line was cut.
pub(crate) fn read_beginning(line: &str) -> Beginning {
    let mut beginning = Beginning::default();
    let mut json = serde_json::Deserializer::from_str(line);
    // It always ends with an error, at the cut.
    let _ = json.deserialize_map(Fields(&mut beginning));
    beginning
}

/// Collects fields until the input ends.
struct Fields<'a>(&'a mut Beginning);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<String>()? {
            match name.as_str() {
                "id" => self.0.id = Some(fields.next_value()?),
                "method" => self.0.method = fields.next_value::<Value>()?.as_str().map(Into::into),
                _ => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Returns the line of a request.
pub(crate) fn request(id: u64, method: &str, params: &Value) -> String {
    line(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
}

/// Returns the line of a notification.
pub(crate) fn notification(method: &str, params: &Value) -> String {
    line(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
}

/// Returns the line of a response.
pub(crate) fn result(id: &Value, result: &Value) -> String {
    line(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

/// Returns the line of a response that is an error.
pub(crate) fn error(id: &Value, code: i64, message: &str) -> String {
    line(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}))
}

fn line(message: &Value) -> String {
    format!("{message}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_by_their_fields() {
        assert_eq!(
            read(r#"{"jsonrpc":"2.0","id":"a-1","method":"m","params":{"x":1}}"#),
            Some(Message::Request {
                id: json!("a-1"),
                method: "m".into(),
                params: json!({"x": 1}),
            })
        );
        assert_eq!(
            read(r#"{"method":"m"}"#),
            Some(Message::Notification {
                method: "m".into(),
                params: Value::Null,
            })
        );
        assert_eq!(
            read(r#"{"result":null,"id":3}"#),
            Some(Message::Response {
                id: json!(3),
                result: Ok(Value::Null),
            })
        );
    }

    #[test]
    fn an_error_counts_even_beside_a_result() {
        let Some(Message::Response { result, .. }) =
            read(r#"{"id":3,"result":{},"error":{"code":-32000,"message":"log in"}}"#)
        else {
            panic!("it is a response");
        };
        let error = result.unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (-32000, "log in"));
        let strange = read(r#"{"id":3,"error":"no"}"#);
        assert!(matches!(
            strange,
            Some(Message::Response {
                result: Err(RpcError {
                    code: INTERNAL_ERROR,
                    ..
                }),
                ..
            })
        ));
    }

    #[test]
    fn other_lines_are_not_messages() {
        for line in [
            "",
            "{",
            "{}",
            "[]",
            "null",
            "1e999",
            "Listening…",
            r#"{"method":7}"#,
            "[{}]",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn the_id_of_a_cut_message_is_found_if_it_comes_first() {
        let cut =
            r#"{"jsonrpc":"2.0","id":7,"method":"session/request_permission","params":{"x":["aaa"#;
        assert_eq!(
            read_beginning(cut),
            Beginning {
                id: Some(json!(7)),
                method: Some("session/request_permission".into()),
            }
        );
        let nested = r#"{"params":{"id":9,"method":"m"},"id":"x","result":"aaa"#;
        assert_eq!(
            read_beginning(nested),
            Beginning {
                id: Some(json!("x")),
                method: None,
            }
        );
        assert_eq!(
            read_beginning(r#"{"params":{"id":9,"#),
            Beginning::default()
        );
        assert_eq!(read_beginning("xxxx"), Beginning::default());
    }
}
