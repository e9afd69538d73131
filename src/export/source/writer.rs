//! Lines of source code, and the algebra that writes them.

use super::language::{Kind, Language};
use crate::calculus::Algebra;

/// Source code that grows.
pub(super) struct Writer {
    pub(super) language: Language,
    text: String,
    depth: usize,
    names: usize,
}

impl Writer {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            text: String::new(),
            depth: 0,
            names: 0,
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// A line, which may begin or end a block.
    pub(super) fn line(&mut self, line: &str) {
        if line.starts_with('}') {
            self.depth -= 1;
        }
        if !line.is_empty() {
            self.text.push_str(&"    ".repeat(self.depth));
            self.text.push_str(line);
        }
        self.text.push('\n');
        if line.ends_with('{') {
            self.depth += 1;
        }
    }

    /// Computes in numbers of a kind.
    pub(super) fn numbers(&mut self, kind: Kind) -> Code<'_> {
        Code { writer: self, kind }
    }

    /// A constant array. Nothing is written where it is empty.
    pub(super) fn constants(&mut self, kind: Kind, name: &str, values: &[String]) {
        if !values.is_empty() {
            let line = self.language.constants(kind, name, values);
            self.line(&line);
        }
    }

    fn fresh(&mut self) -> String {
        self.names += 1;
        format!("t{}", self.names)
    }
}

/// The algebra of source code: each operation is a line, and a number is a name or a literal.
pub(super) struct Code<'a> {
    writer: &'a mut Writer,
    kind: Kind,
}

impl Code<'_> {
    fn named(&mut self, value: &str) -> String {
        let name = self.writer.fresh();
        let line = self.writer.language.value(self.kind, &name, value);
        self.writer.line(&line);
        name
    }

    fn call(&mut self, function: &str, x: &str) -> String {
        self.named(&format!("{function}({x})"))
    }
}

impl Algebra for Code<'_> {
    type Number = String;

    fn constant(&mut self, value: f64) -> String {
        let literal = literal(value as f32);
        match self.kind {
            Kind::Lanes if self.writer.language.lanes() > 1 => {
                format!("{}({literal})", self.writer.language.type_name(Kind::Lanes))
            }
            // Signs follow operators.
            _ if literal.starts_with('-') => format!("({literal})"),
            _ => literal,
        }
    }

    fn add(&mut self, a: &String, b: &String) -> String {
        self.named(&format!("{a} + {b}"))
    }

    fn sub(&mut self, a: &String, b: &String) -> String {
        self.named(&format!("{a} - {b}"))
    }

    fn mul(&mut self, a: &String, b: &String) -> String {
        self.named(&format!("{a} * {b}"))
    }

    fn div(&mut self, a: &String, b: &String) -> String {
        self.named(&format!("{a} / {b}"))
    }

    fn exp(&mut self, x: &String) -> String {
        self.call("exp", x)
    }

    fn ln(&mut self, x: &String) -> String {
        self.call("log", x)
    }

    fn sqrt(&mut self, x: &String) -> String {
        self.call("sqrt", x)
    }

    fn sin(&mut self, x: &String) -> String {
        self.call("sin", x)
    }

    fn cos(&mut self, x: &String) -> String {
        self.call("cos", x)
    }

    fn round(&mut self, x: &String) -> String {
        self.call("round", x)
    }

    fn select_greater(&mut self, a: &String, b: &String, yes: &String, no: &String) -> String {
        let value = (self.writer.language).select_greater(self.kind, [a, b], [yes, no]);
        self.named(&value)
    }

    fn max(&mut self, a: &String, b: &String) -> String {
        self.named(&format!("max({a}, {b})"))
    }

    fn negate(&mut self, x: &String) -> String {
        self.named(&format!("-{x}"))
    }

    fn abs(&mut self, x: &String) -> String {
        self.call("abs", x)
    }
}

/// A number that is finite, as short as it reads back exactly: `-.25`, `3.`, `1e-7`.
pub(super) fn literal(value: f32) -> String {
    let text = format!("{value:?}");
    if text.contains('e') {
        return text;
    }
    let text = text
        .strip_suffix('0')
        .filter(|text| text.ends_with('.'))
        .unwrap_or(&text);
    match text {
        "0." | "-0." => "0.".to_owned(),
        _ if text.starts_with("0.") => text[1..].to_owned(),
        _ if text.starts_with("-0.") => format!("-{}", &text[2..]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_read_back_exactly() {
        let written = [0.5, -0.25, 3.0, 120.0, 0.0, -0.0, 1e-7, 1.5e20].map(literal);
        assert_eq!(
            written,
            [".5", "-.25", "3.", "120.", "0.", "0.", "1e-7", "1.5e20"]
        );
        for step in 0..1000u32 {
            let value = f32::from_bits(0x3a00_0000 + step * 123_457);
            assert_eq!(literal(value).parse(), Ok(value));
            assert_eq!(literal(-value).parse(), Ok(-value));
        }
    }
}
