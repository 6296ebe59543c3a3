//! The ways in which a text can be read: as it stands, with JSON's escapes or percent-encoding decoded, and without the spaces
//! in it. Each reading knows where in the text its bytes are from, so that what is found in it can be hidden in the text.
//!
//! ```text
//!   text ─► JSON's escapes decoded ─► percent-encoding decoded ─► … three times at most
//!     └─► squeezed     └─► squeezed                └─► squeezed
//! ```

use std::borrow::Cow;
use std::ops::Range;

/// How often escapes within escapes are decoded: JSON in a string of JSON in a string of JSON.
const N_ROUNDS_MAX: usize = 3;

/// A text as it may be read.
pub(super) struct Reading<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// For each byte, where it is from; `None` where each stands for itself.
    from: Option<Vec<(u32, u32)>>,
}

impl<'a> Reading<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes().into(),
            from: None,
        }
    }

    /// Returns which part of the text a part of this reading is from.
    pub(super) fn origin(&self, part: Range<usize>) -> Range<usize> {
        let Some(from) = &self.from else {
            return part;
        };
        from[part.start].0 as usize..from[part.end - 1].1 as usize
    }

    /// Returns what a decoder makes of it, or `None` where that changes nothing. The decoder is asked at each byte for what
    /// stands there in how many bytes.
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

/// Returns what stands at the beginning of some bytes, and in how many of them.
type Decoder = fn(&[u8]) -> Option<(Decoded, usize)>;

/// A few bytes.
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

/// Shows every reading of a text to `look`, as it stands first.
pub(super) fn each_reading(text: &str, mut look: impl FnMut(&Reading<'_>)) {
    // No text that we read is that long; and of one that is, places would not fit.
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

/// Decodes an escape of JSON, or `\x2a` of other languages.
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

/// Decodes what follows `\u`.
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

/// Leaves out what programs put between the digits of a dump and into long lines.
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

/// Returns the number that the first `n` bytes are in hexadecimal digits.
fn hex(text: &[u8], n: usize) -> Option<u32> {
    text.get(..n)?.iter().try_fold(0, |number, digit| {
        Some(number << 4 | char::from(*digit).to_digit(16)?)
    })
}

fn as_u32(place: usize) -> u32 {
    u32::try_from(place).expect("longer texts are not decoded")
}
