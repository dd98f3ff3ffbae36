//! How much a result may cost its reader.

use std::{fmt, str::FromStr};

/// Bytes of JSON that a token is taken to stand for. Models differ; English text and JSON lie near four.
const BYTES_PER_TOKEN: usize = 4;

/// The most that a result may take, as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Budget {
    bytes: usize,
}

impl Budget {
    /// A budget of `count` tokens, at four bytes a token.
    pub const fn tokens(count: usize) -> Self {
        Self { bytes: count.saturating_mul(BYTES_PER_TOKEN) }
    }

    /// A budget of `bytes` of JSON.
    pub const fn of_bytes(bytes: usize) -> Self {
        Self { bytes }
    }

    /// The budget in bytes of JSON.
    pub const fn bytes(self) -> usize {
        self.bytes
    }

    /// The budget in tokens.
    pub const fn token_count(self) -> usize {
        self.bytes / BYTES_PER_TOKEN
    }

    /// The smaller of two budgets: configuration may tighten a tool's policy, never loosen it.
    #[must_use]
    pub fn tighten(self, other: Self) -> Self {
        self.min(other)
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.token_count())
    }
}

impl FromStr for Budget {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected an output budget like `2000 tokens`, `8 KiB` or `1 MiB`";
        let (number, unit) =
            text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let number: usize = number.parse().map_err(|_| EXPECTED)?;
        let factor = match unit.trim() {
            "" | "tokens" => BYTES_PER_TOKEN,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            _ => return Err(EXPECTED),
        };
        match number.checked_mul(factor) {
            Some(bytes) if bytes > 0 => Ok(Self { bytes }),
            _ => Err(EXPECTED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_reads_tokens_and_sizes_and_says_what_it_accepts() {
        assert_eq!("2000 tokens".parse(), Ok(Budget::tokens(2_000)));
        assert_eq!("2000".parse(), Ok(Budget::tokens(2_000)));
        assert_eq!("8 KiB".parse(), Ok(Budget::of_bytes(8_192)));
        for wrong in ["", "0", "-1", "8 kB", "KiB", "99999999999999999999", "18446744073709551615"]
        {
            assert!(wrong.parse::<Budget>().unwrap_err().contains("2000 tokens"), "{wrong}");
        }
        assert_eq!(Budget::tokens(2).tighten(Budget::of_bytes(3)).bytes(), 3);
        assert_eq!(Budget::tokens(2_000).to_string(), "2000 tokens");
    }
}
