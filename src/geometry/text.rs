//! Text files as people have them: any encoding, any line ends, and numbers as many programs write them.

use crate::words::shown;
use std::borrow::Cow;

use rayon::prelude::*;

use super::read::Failure;

/// The text without its byte order mark, in UTF-8 if it was in UTF-16. All else comes back as it is: binary data, and
/// encodings in which ASCII is ASCII (UTF-8, Latin-1, Shift-JIS), since only names and comments are in other letters.
pub(super) fn plain(bytes: &[u8]) -> Cow<'_, [u8]> {
    let (little_endian, marked) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => return Cow::Borrowed(rest),
        [0xff, 0xfe, rest @ ..] => (true, rest),
        [0xfe, 0xff, rest @ ..] => (false, rest),
        [first, 0, ..] if *first != 0 => (true, bytes),
        [0, second, ..] if *second != 0 => (false, bytes),
        _ => return Cow::Borrowed(bytes),
    };
    let order = match little_endian {
        true => u16::from_le_bytes,
        false => u16::from_be_bytes,
    };
    // Binary data can begin with the same bytes. Text has no zeros, and what stands at the head of a file is ASCII mostly.
    const LOOK: usize = 64;
    let units = marked.as_chunks::<2>().0;
    let head = units.iter().take(LOOK).map(|&unit| order(unit));
    let (mut seen, mut ascii) = (0, 0);
    for unit in head {
        if unit == 0 {
            return Cow::Borrowed(bytes);
        }
        seen += 1;
        ascii += usize::from(unit < 128);
    }
    if seen == 0 || ascii * 2 < seen {
        return Cow::Borrowed(bytes);
    }
    let decoded = char::decode_utf16(units.iter().map(|&unit| order(unit)));
    let text: String = decoded
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    Cow::Owned(text.into_bytes())
}

/// The lines of a text, ended by LF, CR LF or CR, without what ends them.
pub(super) struct Lines<'a> {
    text: &'a [u8],
    /// Where the next line begins.
    pub at: usize,
}

impl<'a> Lines<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Lines { text, at: 0 }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let ending = match rest[end..] {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        self.at += end + ending;
        Some(&rest[..end])
    }
}

/// The number of the line, counted from 1, in which the byte at `offset` lies.
pub(super) fn line_number(text: &[u8], offset: usize) -> usize {
    let mut lines = Lines::new(text);
    let mut number = 0;
    while lines.at <= offset && lines.next().is_some() {
        number += 1;
    }
    number.max(1)
}

/// The words of a line.
pub(super) fn words(line: &[u8]) -> LineWords<'_> {
    LineWords(line)
}

/// See [`words`].
#[derive(Clone)]
pub(super) struct LineWords<'a>(&'a [u8]);

impl<'a> Iterator for LineWords<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.0.iter().position(|&byte| !is_space(byte))?;
        let rest = &self.0[start..];
        let end = rest.iter().position(|&byte| is_space(byte));
        let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.0 = rest;
        Some(word)
    }
}

/// Spaces and all control characters: one comparison for what stands between most words.
fn is_space(byte: u8) -> bool {
    byte <= b' '
}

/// The words of a whole text, over the ends of lines.
pub(super) struct Words<'a> {
    pub text: &'a [u8],
    /// Behind the last word.
    pub at: usize,
    /// From this byte on the rest of a line is a comment.
    pub comment: Option<u8>,
}

impl Words<'_> {
    /// Moves to the end of the line that the last word stands in.
    pub fn skip_line(&mut self) {
        while self.at < self.text.len() && !matches!(self.text[self.at], b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// Moves to the next word; whether a line ended before it, or the text.
    pub fn ends_line(&mut self) -> bool {
        let mut ended = false;
        while let Some(&byte) = self.text.get(self.at) {
            if self.comment == Some(byte) {
                self.skip_line();
            } else if is_space(byte) {
                ended |= matches!(byte, b'\n' | b'\r');
                self.at += 1;
            } else {
                return ended;
            }
        }
        true
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.ends_line();
        let start = self.at;
        while let Some(&byte) = self.text.get(self.at) {
            if is_space(byte) || self.comment == Some(byte) {
                break;
            }
            self.at += 1;
        }
        Some(&self.text[start..self.at]).filter(|word| !word.is_empty())
    }
}

/// A number, also as C programs write those that are none: `-nan(ind)`, `1.#QNAN`.
pub(super) fn float(word: &[u8]) -> Option<f64> {
    let word = std::str::from_utf8(word).ok()?;
    let number = word.parse().ok();
    number.or_else(|| is_nan(word.as_bytes()).then_some(f64::NAN))
}

/// Whether C programs mean NaN or infinity by this word that Rust does not know.
fn is_nan(word: &[u8]) -> bool {
    let unsigned = word
        .strip_prefix(b"-")
        .or(word.strip_prefix(b"+"))
        .unwrap_or(word);
    unsigned.starts_with(b"1.#") || starts_with_word(unsigned, b"nan")
}

/// A whole number. `3.0` is one, too: programs that know only floats write their indices like that.
pub(super) fn whole(word: &[u8]) -> Option<i64> {
    let (negative, digits) = match word {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, word),
    };
    // More digits may not fit, and none is no number.
    const MOST: usize = 18;
    let mut value = 0;
    let mut count = 0;
    for (index, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let zeros = &digits[index + 1..];
            if byte != b'.' || zeros.iter().any(|&zero| zero != b'0') {
                return None;
            }
            break;
        }
        count += 1;
        if count > MOST {
            return None;
        }
        value = 10 * value + i64::from(digit);
    }
    (count > 0).then_some(if negative { -value } else { value })
}

/// Whether `text` begins with `word`, in upper or lower case.
pub(super) fn starts_with_word(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(word))
}

/// The beginning of a line or word, to be shown to a user.
pub(super) fn shortened(line: &[u8]) -> String {
    const LETTERS: usize = 60;
    // No more of it than is shown is looked at.
    let line = line.trim_ascii();
    let line = String::from_utf8_lossy(&line[..line.len().min(4 * LETTERS)]);
    shown(&line, LETTERS)
}

/// Why a number cannot be read, for a user; ends with the word.
pub(super) fn no_number(word: &[u8]) -> String {
    if word.contains(&b',') {
        return format!(
            "`{}` has a comma: decimals are written with a point",
            shortened(word)
        );
    }
    format!("`{}` is not a number", shortened(word))
}

/// What is wrong, and at which byte of the text.
#[derive(Debug)]
pub(super) struct Wrong {
    pub offset: usize,
    pub what: String,
}

impl Wrong {
    /// The failure, which names the line.
    pub fn in_text(self, text: &[u8]) -> Failure {
        let line = line_number(text, self.offset);
        Failure::Malformed(format!("line {line}: {}", self.what))
    }
}

/// A stretch of whole lines, small enough that a file has some for every thread.
pub(super) struct Piece<'a> {
    pub text: &'a [u8],
    /// Where it begins in the whole.
    pub offset: usize,
}

/// Cuts a text behind lines of which `is_end` says that they end something.
pub(super) fn pieces(text: &[u8], is_end: impl Fn(&[u8]) -> bool) -> Vec<Piece<'_>> {
    const SIZE: usize = 1 << 20;
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let mut lines = Lines::new(text);
        lines.at = start.saturating_add(SIZE).min(text.len());
        // The first line is a part of one, which says nothing.
        lines.next();
        while lines.next().is_some_and(|line| !is_end(line)) {}
        pieces.push(Piece {
            text: &text[start..lines.at],
            offset: start,
        });
        start = lines.at;
    }
    pieces
}

/// The lines of a text that hold one record each, numbered.
pub(super) struct Records<'a> {
    pieces: Vec<(Piece<'a>, usize)>,
    content: fn(&[u8]) -> &[u8],
    /// How many lines hold something.
    pub count: usize,
}

impl<'a> Records<'a> {
    /// Counts the lines of which `content` leaves something.
    pub fn new(text: &'a [u8], content: fn(&[u8]) -> &[u8]) -> Self {
        let pieces = pieces(text, |_| true);
        let count = |piece: &Piece| {
            let lines = Lines::new(piece.text);
            lines.filter(|line| !content(line).is_empty()).count()
        };
        let counts: Vec<usize> = pieces.par_iter().map(count).collect();
        let mut count = 0;
        let numbered = pieces.into_iter().zip(counts).map(|(piece, records)| {
            count += records;
            (piece, count - records)
        });
        Records {
            pieces: numbered.collect(),
            content,
            count,
        }
    }

    /// Reads the first `count` records on all threads: `read` gets the number of a record and its line. The results come in
    /// the order of the text.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read<T: Default + Send>(
        &self,
        count: usize,
        read: impl Fn(usize, &[u8], &mut T) -> Result<(), String> + Sync,
    ) -> Result<Vec<T>, Wrong> {
        let part = |(piece, first): &(Piece, usize)| {
            let mut part = T::default();
            let mut number = *first;
            let mut lines = Lines::new(piece.text);
            let mut start = 0;
            while number < count {
                let Some(line) = lines.next() else { break };
                let line = (self.content)(line);
                if !line.is_empty() {
                    let offset = piece.offset + start;
                    read(number, line, &mut part).map_err(|what| Wrong { offset, what })?;
                    number += 1;
                }
                start = lines.at;
            }
            Ok(part)
        };
        // Collected before errors are looked at: the first one in the text is the one that is named.
        let parts: Vec<Result<T, Wrong>> = self.pieces.par_iter().map(part).collect();
        parts.into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
