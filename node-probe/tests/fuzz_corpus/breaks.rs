//! The ways in which a file breaks.

/// Texts are cut at so many places at most.
const CUTS_MAX: usize = 24;

/// `whole` cut, repeated, re-ordered, with other line ends, with bytes that are no
/// text, and with numbers that no kernel means.
pub fn broken(whole: &[u8]) -> Vec<Vec<u8>> {
    let mut broken: Vec<Vec<u8>> = Vec::new();
    let step = whole.len().div_ceil(CUTS_MAX).max(1);
    broken.extend(
        (0..whole.len())
            .step_by(step)
            .map(|end| whole[..end].to_vec()),
    );
    broken.extend([0, b'\r', 0xff, b'-'].map(|byte| with(whole, byte)));
    broken.push(replaced(whole, b"\n", b"\r\n"));
    broken.push(lines(whole).rev().flatten().copied().collect());
    broken.push(
        lines(whole)
            .flat_map(|line| [line, line])
            .flatten()
            .copied()
            .collect(),
    );
    broken.push(lines(whole).flat_map(columns_turned).collect());
    broken.push(replaced(whole, b"\n", b" 7\n"));
    broken.push(replaced(whole, b"1", b"18446744073709551616"));
    broken.push(replaced(whole, b"1", b"99999999999"));
    broken.push(replaced(whole, b" ", "\u{a0}".as_bytes()));
    broken
}

fn lines(text: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

/// `byte` in the middle.
fn with(whole: &[u8], byte: u8) -> Vec<u8> {
    let (front, back) = whole.split_at(whole.len() / 2);
    [front, &[byte], back].concat()
}

fn replaced(whole: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::new();
    let mut rest = whole;
    while !rest.is_empty() {
        match rest.strip_prefix(from) {
            Some(after) => {
                replaced.extend(to);
                rest = after;
            }
            None => {
                replaced.push(rest[0]);
                rest = &rest[1..];
            }
        }
    }
    replaced
}

/// The words of a line, the last one first.
fn columns_turned(line: &[u8]) -> Vec<u8> {
    let mut words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).collect();
    words.reverse();
    let mut turned = words.join(&b' ');
    turned.push(b'\n');
    turned
}
