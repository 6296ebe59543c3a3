//! The ways to read a text: verbatim, with JSON escapes or percent-encoding decoded, and without
//! whitespace. Each reading maps its bytes to positions in the text, so that whatever is found can
//! be hidden there.
//!
//! ```text
//!   text ─► JSON's escapes decoded ─► percent-encoding decoded ─► … three times at most
//!     └─► squeezed     └─► squeezed                └─► squeezed
//! ```

use std::borrow::Cow;
use std::ops::Range;

/// How often nested escapes are decoded: JSON in a string of JSON in a string of JSON.
const N_ROUNDS_MAX: usize = 3;

/// One reading of a text.
pub(super) struct Reading<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// The range that each byte comes from; `None` if every byte stands for itself.
    from: Option<Vec<(u32, u32)>>,
}

impl<'a> Reading<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes().into(),
            from: None,
        }
    }

    /// Returns the range of the text that a range of this reading comes from.
    pub(super) fn origin(&self, part: Range<usize>) -> Range<usize> {
        let Some(from) = &self.from else {
            return part;
        };
        from[part.start].0 as usize..from[part.end - 1].1 as usize
    }

    /// Returns the decoded reading, or `None` if decoding changes nothing. At each byte, the
    /// decoder returns the decoded bytes and how many bytes they were encoded in.
    fn decoded(&self, decode: Decoder) -> Option<Reading<'static>> {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut from = Vec::with_capacity(self.bytes.len());
        let mut at = 0;
        while at < self.bytes.len() {
            let (decoded, n) = match decode(&self.bytes[at..]) {
                Some((decoded, n)) => (decoded, n),
                None => (Decoded::byte(self.bytes[at]), 1),
            };
            let origin = self.origin(at..at + n);
            let origin = (as_u32(origin.start), as_u32(origin.end));
            bytes.extend_from_slice(decoded.bytes());
            from.extend(decoded.bytes().iter().map(|_| origin));
            at += n;
        }
        (bytes.len() < self.bytes.len()).then_some(Reading {
            bytes: bytes.into(),
            from: Some(from),
        })
    }
}

/// Decodes the start of some bytes, and returns how many of them that covers.
type Decoder = fn(&[u8]) -> Option<(Decoded, usize)>;

struct Decoded {
    bytes: [u8; 4],
    n: usize,
}

impl Decoded {
    const NOTHING: Self = Self {
        bytes: [0; 4],
        n: 0,
    };

    fn byte(byte: u8) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            n: 1,
        }
    }

    fn char(c: char) -> Self {
        let mut bytes = [0; 4];
        let n = c.encode_utf8(&mut bytes).len();
        Self { bytes, n }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.n]
    }
}

/// Passes every reading of a text to `look`, starting with the verbatim one.
pub(super) fn each_reading(text: &str, mut look: impl FnMut(&Reading<'_>)) {
    // No text that we read is that long, and its positions would not fit into `u32`.
    if u32::try_from(text.len()).is_err() {
        return look(&Reading::of(text));
    }
    let mut with_squeezed = |reading: &Reading<'_>| {
        look(reading);
        reading.decoded(separator).iter().for_each(&mut look);
    };
    let mut reading = Reading::of(text);
    with_squeezed(&reading);
    for _ in 0..N_ROUNDS_MAX {
        let mut is_new = false;
        let decoders: [(u8, Decoder); 2] = [(b'\\', json_escape), (b'%', percent_encoding)];
        for (sign, decode) in decoders {
            let has_sign = reading.bytes.contains(&sign);
            if let Some(decoded) = has_sign.then(|| reading.decoded(decode)).flatten() {
                with_squeezed(&decoded);
                reading = decoded;
                is_new = true;
            }
        }
        if !is_new {
            return;
        }
    }
}

/// Decodes a JSON escape, or `\x2a` of other languages.
fn json_escape(text: &[u8]) -> Option<(Decoded, usize)> {
    let [b'\\', kind, rest @ ..] = text else {
        return None;
    };
    let simple = match kind {
        b'"' | b'\\' | b'/' => *kind,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'f' => 12,
        b'x' => return Some((Decoded::byte(byte(rest)?), 4)),
        b'u' => return unicode_escape(rest),
        _ => return None,
    };
    Some((Decoded::byte(simple), 2))
}

/// Decodes the digits after `\u`.
fn unicode_escape(rest: &[u8]) -> Option<(Decoded, usize)> {
    let first = unit(rest)?;
    let second = match rest.get(4..) {
        Some([b'\\', b'u', rest @ ..]) => unit(rest),
        _ => None,
    };
    let mut units = char::decode_utf16(std::iter::once(first).chain(second));
    match units.next()? {
        Ok(c) => Some((Decoded::char(c), if c.len_utf16() == 2 { 12 } else { 6 })),
        Err(_) => Some((Decoded::char(char::REPLACEMENT_CHARACTER), 6)),
    }
}

fn percent_encoding(text: &[u8]) -> Option<(Decoded, usize)> {
    let [b'%', rest @ ..] = text else {
        return None;
    };
    Some((Decoded::byte(byte(rest)?), 3))
}

/// Skips what programs put between the digits of a dump and into long lines.
fn separator(text: &[u8]) -> Option<(Decoded, usize)> {
    match text {
        [b' ' | b'\t' | b'\n' | b'\r' | b':' | b',', ..] => Some((Decoded::NOTHING, 1)),
        [b'0', b'x', ..] => Some((Decoded::NOTHING, 2)),
        _ => None,
    }
}

fn byte(text: &[u8]) -> Option<u8> {
    u8::try_from(hex(text, 2)?).ok()
}

fn unit(text: &[u8]) -> Option<u16> {
    u16::try_from(hex(text, 4)?).ok()
}

/// Returns the number written in the first `n` bytes in hexadecimal digits.
fn hex(text: &[u8], n: usize) -> Option<u32> {
    text.get(..n)?.iter().try_fold(0, |number, digit| {
        Some(number << 4 | char::from(*digit).to_digit(16)?)
    })
}

fn as_u32(place: usize) -> u32 {
    u32::try_from(place).expect("texts that are too long are not decoded")
}
