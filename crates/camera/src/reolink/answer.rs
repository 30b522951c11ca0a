//! The API's JSON: the commands that we send and the answers as typed outcomes. Bytes in, values out; no I/O.

use super::{Code, Error};
use serde_json::{Value, json};

/// Characters of a word of the camera that are kept.
const WORD: usize = 128;

/// A command of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub name: &'static str,
    pub param: Value,
}

impl Command {
    pub fn new(name: &'static str, param: Value) -> Self {
        Self { name, param }
    }

    /// A command about the device as a whole.
    pub fn host(name: &'static str) -> Self {
        Self::new(name, json!({}))
    }

    /// A command about one channel.
    pub fn channel(name: &'static str, channel: u8) -> Self {
        Self::new(name, json!({ "channel": channel }))
    }
}

/// What became of one command.
pub(crate) type Outcome = Result<Value, Code>;

/// The batch as it is sent.
pub(crate) fn batch(commands: &[Command]) -> Vec<u8> {
    let items: Vec<Value> =
        commands.iter().map(|command| json!({"cmd": command.name, "action": 0, "param": command.param})).collect();
    Value::from(items).to_string().into_bytes()
}

/// What the camera answered to a batch.
#[derive(Debug, PartialEq)]
pub(crate) enum Answers {
    /// An outcome for each command, in order.
    Each(Vec<Outcome>),
    /// One error in the place of a whole batch: the firmware stumbled over one of the commands.
    Collapsed(Code),
}

/// Reads the answer to a batch. `command` names it in errors.
///
/// # Errors
/// Says what the bytes are if they are no such answer.
pub(crate) fn read(bytes: &[u8], sent: &[&'static str]) -> Result<Answers, Error> {
    let command = sent.first().copied().unwrap_or("the request");
    let garbled = |what| Error::Garbled { command, what };
    let items = match serde_json::from_slice(bytes) {
        Ok(Value::Array(items)) => items,
        Ok(_) => return Err(garbled("JSON that is no list")),
        Err(_) if is_html(bytes) => return Err(garbled("a page of HTML")),
        Err(error) if error.is_eof() => return Err(garbled("JSON that ends too early")),
        Err(_) => return Err(garbled("no JSON")),
    };
    let mut named: Vec<(String, Outcome)> =
        items.into_iter().map(outcome).collect::<Option<_>>().ok_or(garbled("no answers"))?;
    if let ([(_, Err(code))], true) = (named.as_slice(), sent.len() > 1) {
        return Ok(Answers::Collapsed(*code));
    }
    if named.len() != sent.len() {
        return Err(garbled("another number of answers"));
    }
    if named.iter().zip(sent).any(|((name, _), sent)| name != sent) {
        return Err(garbled("answers to other commands"));
    }
    Ok(Answers::Each(named.drain(..).map(|(_, outcome)| outcome).collect()))
}

/// The code of an error that came where bytes were asked for, such as a snapshot; none if the bytes are no such answer.
pub(crate) fn refusal(bytes: &[u8]) -> Option<Code> {
    let items: Vec<Value> = serde_json::from_slice(bytes).ok()?;
    outcome(items.into_iter().next()?)?.1.err()
}

fn is_html(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'<')
}

/// The name of the command and its outcome. The guide's own sample has `code: 0` beside an error, so the error decides.
fn outcome(mut item: Value) -> Option<(String, Outcome)> {
    let name = item.get("cmd")?.as_str()?.to_owned();
    if let Some(error) = item.get("error") {
        let number = error.get("rspCode").and_then(Value::as_i64).unwrap_or(-1);
        return Some((name, Err(code(number, error.get("detail").and_then(Value::as_str).unwrap_or_default()))));
    }
    if item.get("code").and_then(Value::as_i64) != Some(0) {
        return Some((name, Err(Code::Other(0))));
    }
    Some((name, Ok(item.get_mut("value").map(Value::take).unwrap_or_default())))
}

/// Firmware differs in the number of a failed login; the words are the same (as `reolink_aio` found them).
fn code(number: i64, detail: &str) -> Code {
    match detail {
        "please login first" => Code::LoginFirst,
        "login failed" => Code::LoginFailed,
        "password wrong" => Code::WrongPassword,
        "invalid user" => Code::InvalidUser,
        _ if detail.contains("Login has been locked") => Code::Locked,
        _ => Code::new(number),
    }
}

/// A number, also as text or as a switch: firmware differs.
pub(crate) fn number(value: &Value, key: &str) -> Option<i64> {
    match value.get(key)? {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(on) => Some(i64::from(*on)),
        _ => None,
    }
}

/// A number that fits.
pub(crate) fn fits<T: TryFrom<i64>>(value: &Value, key: &str) -> Option<T> {
    number(value, key).and_then(|number| T::try_from(number).ok())
}

/// Whether a switch is on.
pub(crate) fn is_on(value: &Value, key: &str) -> bool {
    number(value, key) == Some(1)
}

/// A text that is not empty, cut to what any real one has.
pub(crate) fn text(value: &Value, key: &str) -> Option<String> {
    let text: String = value.get(key)?.as_str()?.trim().chars().filter(|c| !c.is_control()).take(WORD).collect();
    (!text.is_empty()).then_some(text)
}

/// The items of a list, no more than any real one has.
pub(crate) fn items(value: &Value, at_most: usize) -> impl Iterator<Item = &Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter().take(at_most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn garbled(bytes: &str) -> &'static str {
        match read(bytes.as_bytes(), &["GetTime"]) {
            Err(Error::Garbled { command: "GetTime", what }) => what,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_answer_is_named() {
        assert_eq!(garbled("<html>\n"), "a page of HTML");
        assert_eq!(garbled(r#"[{"cmd" : "GetTi"#), "JSON that ends too early");
        assert_eq!(garbled("{}"), "JSON that is no list");
        assert_eq!(garbled("!"), "no JSON");
        assert_eq!(garbled("[1]"), "no answers");
        assert_eq!(garbled("[]"), "another number of answers");
        assert_eq!(garbled(r#"[{"cmd":"GetEnc","code":0,"value":{}}]"#), "answers to other commands");
        assert_eq!(garbled(&"[".repeat(100_000)), "no JSON", "depth has a limit");
    }

    #[test]
    fn an_error_counts_whatever_code_stands_beside_it() {
        for code in [0, 1] {
            let bytes = format!(
                r#"[{{"cmd":"GetTime","code":{code},"error":{{"rspCode":-6,"detail":"please login first"}}}}]"#
            );
            assert_eq!(read(bytes.as_bytes(), &["GetTime"]), Ok(Answers::Each(vec![Err(Code::LoginFirst)])));
        }
    }

    #[test]
    fn one_error_for_a_batch_is_a_collapse() {
        let bytes = br#"[{"cmd":"GetTime","code":1,"error":{"rspCode":-8,"detail":"timeout"}}]"#;
        assert_eq!(read(bytes, &["GetTime", "GetEnc"]), Ok(Answers::Collapsed(Code::Timeout)));
        assert_eq!(read(bytes, &["GetTime"]), Ok(Answers::Each(vec![Err(Code::Timeout)])));
    }

    #[test]
    fn a_lock_is_known_by_its_words() {
        assert_eq!(code(-7, "Login has been locked, try later"), Code::Locked);
        assert_eq!(code(-1, "password wrong"), Code::WrongPassword);
        assert_eq!(code(-5, "max session"), Code::MaxSessions);
    }

    #[test]
    fn numbers_come_as_numbers_text_and_switches() {
        let value = json!({"a": 7, "b": "14987438", "c": true, "d": [], "e": 1e300, "f": "x"});
        let read = |key| number(&value, key);
        assert_eq!(
            (read("a"), read("b"), read("c"), read("d"), read("f")),
            (Some(7), Some(14_987_438), Some(1), None, None)
        );
        assert_eq!(fits::<u8>(&value, "b"), None);
        assert_eq!(fits::<u16>(&value, "e"), None);
    }
}
