//! JSON as the cameras print it: three spaces deep, with a space before each colon. Real clients look for that spelling.

use serde_json::{
    Value,
    ser::{Formatter, PrettyFormatter, Serializer},
};
use std::io::{Result, Write};

/// Prints a value as the camera does.
pub(super) fn print(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let mut serializer = Serializer::with_formatter(&mut out, Spaced(PrettyFormatter::with_indent(b"   ")));
    serde::Serialize::serialize(value, &mut serializer).expect("writing a JSON value to memory cannot fail");
    out.push(b'\n');
    out
}

struct Spaced(PrettyFormatter<'static>);

impl Formatter for Spaced {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        out.write_all(b" : ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_spaced_as_real_clients_look_for_it() {
        let text = print(&serde_json::json!([{"code": 1, "error": {"detail": "please login first"}}]));
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            text,
            "[\n   {\n      \"code\" : 1,\n      \"error\" : {\n         \"detail\" : \"please login first\"\n      }\n   }\n]\n"
        );
    }
}
