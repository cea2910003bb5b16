//! The text of a kernel file, checked before any number is taken from it.

use std::path::Path;

use super::error::SampleError;

/// Counts that the kernel keeps in an `int` and prints: nothing larger is true.
const COUNT_MAX: u64 = 0x7fff_ffff;

/// The complete lines of one kernel file.
///
/// The kernel ends every line of the files read here with a newline. A last
/// line without one is a truncated read, whose last number may have lost
/// digits: such a text is refused as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> Rows<'a> {
    /// Checks that `bytes`, read from `path`, are whole lines of text.
    ///
    /// # Errors
    /// [`SampleError::Malformed`] if they are empty, truncated or not UTF-8.
    pub fn new(path: &'a Path, bytes: &'a [u8]) -> Result<Self, SampleError> {
        if bytes.is_empty() {
            return Err(SampleError::malformed(path, "text", bytes));
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(SampleError::malformed(path, "UTF-8 text", bytes));
        };
        if !text.ends_with('\n') {
            let last = text.rsplit('\n').next().unwrap_or(text);
            return Err(SampleError::malformed(
                path,
                "a newline after the last row",
                last.as_bytes(),
            ));
        }
        Ok(Self { path, text })
    }

    /// The file that the text came from.
    #[must_use]
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The lines, without their newlines.
    pub fn lines(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text.lines()
    }

    /// The fields after the first one of the row that begins with `name`.
    #[must_use]
    pub fn fields(&self, name: &str) -> Option<std::str::SplitAsciiWhitespace<'a>> {
        self.lines().find_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            (fields.next() == Some(name)).then_some(fields)
        })
    }

    /// Checks that the first line names `columns` in this order. More may follow
    /// them: a later kernel adds columns at the end, or moves them and says so.
    ///
    /// # Errors
    /// [`SampleError::Malformed`] if it names others.
    pub fn require_header(
        &self,
        columns: &[&str],
        expected: &'static str,
    ) -> Result<(), SampleError> {
        let line = self.lines().next().unwrap_or_default();
        let mut fields = line.split_ascii_whitespace();
        if columns.iter().all(|column| fields.next() == Some(column)) {
            return Ok(());
        }
        Err(self.malformed(expected, line))
    }

    /// The number of a row `name number`; `None` if there is no such row.
    ///
    /// # Errors
    /// [`SampleError::Malformed`] if the row holds anything but one number.
    pub fn value(&self, name: &str) -> Result<Option<u64>, SampleError> {
        let Some(mut fields) = self.fields(name) else {
            return Ok(None);
        };
        let value = self.number(fields.next())?;
        match fields.next() {
            None => Ok(Some(value)),
            Some(more) => Err(self.malformed("one number in the row", more)),
        }
    }

    /// Like [`Rows::value`], for a count of kernel objects.
    ///
    /// # Errors
    /// As [`Rows::value`], and if the number is beyond the kernel's own `int`.
    pub fn count(&self, name: &str) -> Result<Option<u64>, SampleError> {
        match self.value(name)? {
            Some(value) if value > COUNT_MAX => Err(self.not_a_count(value)),
            value => Ok(value),
        }
    }

    /// `field` as a count of kernel objects.
    ///
    /// # Errors
    /// [`SampleError::Malformed`] if it is absent, not a number, or too large.
    pub fn count_field(&self, field: Option<&str>) -> Result<u64, SampleError> {
        match self.number(field)? {
            value if value > COUNT_MAX => Err(self.not_a_count(value)),
            value => Ok(value),
        }
    }

    /// `field` as a number: decimal digits that fit 64 bits, nothing else.
    ///
    /// # Errors
    /// [`SampleError::Malformed`] if it is absent or anything else.
    pub fn number(&self, field: Option<&str>) -> Result<u64, SampleError> {
        let field = field.unwrap_or("");
        if field.is_empty() || !field.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.malformed("a number", field));
        }
        field
            .parse()
            .map_err(|_| self.malformed("a number of at most 64 bits", field))
    }

    /// `field` as 32 bits in hexadecimal, without a prefix.
    ///
    /// # Errors
    /// [`SampleError::Malformed`] if it is absent or anything else.
    pub fn hexadecimal(&self, field: Option<&str>) -> Result<u32, SampleError> {
        let field = field.unwrap_or("");
        if field.is_empty() || !field.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.malformed("a hexadecimal number", field));
        }
        u32::from_str_radix(field, 16)
            .map_err(|_| self.malformed("a hexadecimal number of at most 32 bits", field))
    }

    fn not_a_count(&self, value: u64) -> SampleError {
        self.malformed("a count below 2^31", &value.to_string())
    }

    /// That `found` is not `expected`.
    #[must_use]
    pub fn malformed(&self, expected: &'static str, found: &str) -> SampleError {
        SampleError::malformed(self.path, expected, found.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(bytes: &[u8]) -> Result<Rows<'_>, SampleError> {
        Rows::new(Path::new("/f"), bytes)
    }

    #[test]
    fn a_row_gives_its_number() {
        let rows = rows(b"nr_descendants 12\nnr_dying_descendants 345\n").unwrap();
        assert_eq!(rows.value("nr_dying_descendants"), Ok(Some(345)));
        assert_eq!(rows.value("nr_dying"), Ok(None));
    }

    #[test]
    fn a_truncated_text_gives_no_number() {
        let error = rows(b"a 1\nnr_dying_descendants 34").unwrap_err();
        assert_eq!(
            error.to_string(),
            "/f: expected a newline after the last row, found \"nr_dying_descendants 34\""
        );
        assert!(rows(b"").is_err());
    }

    #[test]
    fn text_that_is_not_utf8_gives_no_number() {
        let error = rows(b"nr 1\n\xff\xfe 2\n").unwrap_err();
        assert!(
            error.to_string().starts_with("/f: expected UTF-8 text"),
            "{error}"
        );
    }

    #[test]
    fn odd_numbers_are_refused() {
        for bad in [
            "n -1\n",
            "n +1\n",
            "n 1.5\n",
            "n 0x1\n",
            "n\n",
            "n 18446744073709551616\n",
        ] {
            let text = rows(bad.as_bytes()).unwrap();
            assert!(text.value("n").is_err(), "{bad}");
        }
        assert!(rows(b"n 1 2\n").unwrap().value("n").is_err());
        assert_eq!(
            rows(b"n 18446744073709551615\n").unwrap().value("n"),
            Ok(Some(u64::MAX))
        );
    }

    #[test]
    fn a_count_beyond_the_kernels_int_is_refused() {
        let text = rows(b"n 2147483648\nm 2147483647\n").unwrap();
        assert!(
            text.count("n")
                .unwrap_err()
                .to_string()
                .contains("below 2^31")
        );
        assert_eq!(text.count("m"), Ok(Some(2_147_483_647)));
    }

    proptest! {
        #[test]
        fn a_cut_text_never_gives_another_number(value: u64, cut in 0..80usize) {
            let whole = format!("nr_descendants 12\nnr_dying_descendants {value}\nmore 1\n");
            let cut = &whole.as_bytes()[..cut.min(whole.len())];
            if let Ok(Some(read)) = rows(cut).and_then(|rows| rows.value("nr_dying_descendants")) {
                prop_assert_eq!(read, value);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(rows) = rows(&bytes) {
                let first = rows.lines().next().unwrap_or_default();
                let _ = rows.count(first.split_whitespace().next().unwrap_or_default());
            }
        }
    }
}
