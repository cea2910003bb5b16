//! The formats of the kernel's files in the fewest words, without any of the
//! probe's code.

/// The lines of a text that is whole: UTF-8, and each line ended.
pub fn lines(bytes: &[u8]) -> Option<Vec<&str>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.strip_suffix('\n')?;
    let lines = text.split('\n');
    Some(
        lines
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
            .collect(),
    )
}

/// The words of a line.
pub fn words(line: &str) -> Vec<&str> {
    line.split([' ', '\t', '\r', '\u{c}'])
        .filter(|word| !word.is_empty())
        .collect()
}

/// The words of the first line that begins with `name`.
pub fn row<'a>(lines: &[&'a str], name: &str) -> Option<Vec<&'a str>> {
    lines
        .iter()
        .map(|line| words(line))
        .find(|words| words.first() == Some(&name))
}

/// Decimal digits that fit 64 bits.
pub fn number(word: Option<&&str>) -> Option<u64> {
    radix(word?, 10, u64::MAX)
}

/// A count of kernel objects, which the kernel keeps in an `int`.
pub fn count(word: Option<&&str>) -> Option<u64> {
    radix(word?, 10, i32::MAX as u64)
}

/// Hexadecimal digits that fit 32 bits.
pub fn hex(word: Option<&&str>) -> Option<u32> {
    radix(word?, 16, u32::MAX.into())?.try_into().ok()
}

fn radix(word: &str, base: u32, max: u64) -> Option<u64> {
    if word.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for digit in word.chars() {
        value = value
            .checked_mul(base.into())?
            .checked_add(digit.to_digit(base)?.into())?;
    }
    (value <= max).then_some(value)
}
