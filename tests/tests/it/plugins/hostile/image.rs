//! A guest's memory, laid out by hand according to the canonical ABI of the component model, so
//! that each of its rules can be broken.

/// Start of the data. Lower addresses are unused, so a null pointer never points to data.
const BASE: u32 = 1024;

/// The initial contents of a guest's memory.
#[derive(Clone, Default)]
pub struct Image {
    bytes: Vec<u8>,
}

/// A pointer and a length: a text or a list.
pub type Slice = (u32, u32);

/// An empty text or list.
pub const NOTHING: Slice = (BASE, 0);

impl Image {
    /// Adds bytes, aligned for any type; returns their address.
    pub fn put(&mut self, bytes: &[u8]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let at = BASE + u32::try_from(self.bytes.len()).unwrap();
        self.bytes.extend(bytes);
        at
    }

    /// Adds a text.
    pub fn text(&mut self, text: impl AsRef<[u8]>) -> Slice {
        (
            self.put(text.as_ref()),
            u32::try_from(text.as_ref().len()).unwrap(),
        )
    }

    /// Adds a list of records.
    pub fn list(&mut self, items: &[Record]) -> Slice {
        let bytes: Vec<u8> = items.iter().flat_map(|item| item.bytes.clone()).collect();
        (self.put(&bytes), u32::try_from(items.len()).unwrap())
    }

    /// Adds a record.
    pub fn record(&mut self, record: &Record) -> u32 {
        self.put(&record.bytes)
    }

    /// Returns the number of memory pages it needs.
    pub fn n_pages(&self) -> u32 {
        (BASE + u32::try_from(self.bytes.len()).unwrap()).div_ceil(65_536)
    }

    /// Returns the data segment.
    pub fn data(&self) -> String {
        let bytes: String = self
            .bytes
            .iter()
            .map(|byte| format!("\\{byte:02x}"))
            .collect();
        format!("(data (i32.const {BASE}) \"{bytes}\")")
    }
}

/// The bytes of a record or variant, built field by field.
#[derive(Clone, Default)]
pub struct Record {
    bytes: Vec<u8>,
}

impl Record {
    /// Creates an empty record.
    pub fn new() -> Self {
        Self::default()
    }

    fn field(mut self, bytes: &[u8]) -> Self {
        let aligned = self.bytes.len().next_multiple_of(bytes.len());
        self.bytes.resize(aligned, 0);
        self.bytes.extend(bytes);
        self
    }

    /// Adds a byte: the case of a variant or enum, or a boolean.
    pub fn byte(self, value: u8) -> Self {
        self.field(&[value])
    }

    /// Adds a 32-bit number.
    pub fn word(self, value: u32) -> Self {
        self.field(&value.to_le_bytes())
    }

    /// Adds a 64-bit number.
    pub fn long(self, value: u64) -> Self {
        self.field(&value.to_le_bytes())
    }

    /// Adds a text or a list.
    pub fn slice(self, (at, n): Slice) -> Self {
        self.word(at).word(n)
    }

    /// Adds an `option<string>`.
    pub fn text(self, text: Option<Slice>) -> Self {
        self.word(text.is_some().into())
            .slice(text.unwrap_or((0, 0)))
    }

    /// Adds an absent `option<string>`.
    pub fn no_text(self) -> Self {
        self.text(None)
    }

    /// Pads it to a size.
    pub fn sized(mut self, n_bytes: usize) -> Self {
        assert!(
            self.bytes.len() <= n_bytes,
            "the record already has {} bytes",
            self.bytes.len()
        );
        self.bytes.resize(n_bytes, 0);
        self
    }
}
