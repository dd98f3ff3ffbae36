//! How often something may happen, as the configuration says it: `100/15m`, `60/1m;burst=10`, `off`.

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

use crate::units::{HumanDuration, MAX_TEXT, ParseError};

/// A bucket that takes longer than this to fill is a mistake, and its arithmetic might overflow.
const LONGEST_REFILL: Duration = Duration::from_hours(366 * 24);

const EXPECTED_RATE: ParseError =
    ParseError("a rate like `100/15m`, `60/1m;burst=10` or `off`, which refills within a year");

/// A limit that may be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// Everything is admitted.
    Off,
    /// At most this much is admitted.
    Per(Rate),
}

/// `count` units in each `window` on average, at most `burst` of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: NonZeroU32,
    window: Duration,
    burst: NonZeroU32,
}

impl Rate {
    /// A rate whose every unit takes at least a nanosecond and whose burst refills within a year.
    ///
    /// # Errors
    /// When the numbers are outside of these bounds.
    pub fn new(count: NonZeroU32, window: Duration, burst: NonZeroU32) -> Result<Self, ParseError> {
        let rate = Self { count, window, burst };
        let in_bounds = window.as_nanos() >= u128::from(count.get())
            && window <= LONGEST_REFILL
            && rate.refill_nanos() <= LONGEST_REFILL.as_nanos();
        if in_bounds { Ok(rate) } else { Err(EXPECTED_RATE) }
    }

    /// Units admitted in each window on average.
    pub fn count(&self) -> NonZeroU32 {
        self.count
    }

    /// The time in which `count` units accrue.
    pub fn window(&self) -> Duration {
        self.window
    }

    /// The most that is admitted at once.
    pub fn burst(&self) -> NonZeroU32 {
        self.burst
    }

    /// The time in which one unit accrues; rounded up, so that no window ever admits more.
    pub fn interval(&self) -> Duration {
        Duration::from_nanos(nanos(self.window.as_nanos().div_ceil(u128::from(self.count.get()))))
    }

    /// The time in which the whole burst accrues, in nanoseconds: the window itself, unless a burst was
    /// given.
    pub fn refill(&self) -> u64 {
        nanos(self.refill_nanos())
    }

    fn refill_nanos(&self) -> u128 {
        // Below 2^96 by the bound on the window, so the product cannot overflow.
        let accrued = self.window.as_nanos().saturating_mul(u128::from(self.burst.get()));
        accrued.div_ceil(u128::from(self.count.get()))
    }
}

/// The bounds of [`Rate`] keep every duration made of one far below the 584 years that fit.
fn nanos(nanos: u128) -> u64 {
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

impl FromStr for Rate {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > MAX_TEXT {
            return Err(EXPECTED_RATE);
        }
        let (count, rest) = text.split_once('/').ok_or(EXPECTED_RATE)?;
        let (window, burst) = match rest.split_once(';') {
            Some((window, parameter)) => {
                let burst = parameter.trim().strip_prefix("burst=").ok_or(EXPECTED_RATE)?;
                (window, burst)
            }
            None => (rest, count),
        };
        let HumanDuration(window) = window.parse().map_err(|_| EXPECTED_RATE)?;
        Self::new(whole_number(count)?, window, whole_number(burst)?)
    }
}

/// Digits only: `u32::from_str` alone would let `+5` through.
fn whole_number(text: &str) -> Result<NonZeroU32, ParseError> {
    let text = text.trim();
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EXPECTED_RATE);
    }
    text.parse().map_err(|_| EXPECTED_RATE)
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, HumanDuration(self.window))?;
        if self.burst == self.count { Ok(()) } else { write!(f, ";burst={}", self.burst) }
    }
}

impl RateLimit {
    /// The rate, unless the limit is off.
    pub fn rate(&self) -> Option<&Rate> {
        match self {
            Self::Off => None,
            Self::Per(rate) => Some(rate),
        }
    }
}

impl FromStr for RateLimit {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.trim() == "off" { Ok(Self::Off) } else { text.parse().map(Self::Per) }
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Per(rate) => rate.fmt(f),
        }
    }
}

/// How the units that one key has used are counted.
///
/// `gcra`, `token-bucket` and `leaky` are three descriptions of one decision (ITU-T I.371 §A defines
/// the generic cell rate algorithm by the leaky bucket): a burst at once, then a unit each interval.
/// The windows count a whole burst per the time in which it accrues, which is the rate's own window
/// unless a burst was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Generic cell rate algorithm: units come back one by one.
    Gcra,
    /// Everything comes back when the window that the first call opened has ended. Around that
    /// moment twice the limit may pass within one window's length.
    Fixed,
    /// As `Fixed`, and what the window before used up comes back gradually, so that no edge exists.
    Sliding,
    /// The same decisions as [`Algorithm::Gcra`].
    TokenBucket,
    /// The leaky bucket as a meter, which refuses and never delays: as [`Algorithm::Gcra`].
    Leaky,
}

impl Algorithm {
    const NAMES: [(&'static str, Self); 5] = [
        ("gcra", Self::Gcra),
        ("fixed", Self::Fixed),
        ("sliding", Self::Sliding),
        ("token-bucket", Self::TokenBucket),
        ("leaky", Self::Leaky),
    ];
}

impl FromStr for Algorithm {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let known = Self::NAMES.iter().find(|(name, _)| *name == text.trim());
        known
            .map(|(_, algorithm)| *algorithm)
            .ok_or(ParseError("one of `gcra`, `fixed`, `sliding`, `token-bucket`, `leaky`"))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gcra => "gcra",
            Self::Fixed => "fixed",
            Self::Sliding => "sliding",
            Self::TokenBucket => "token-bucket",
            Self::Leaky => "leaky",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(count: u32, seconds: u64, burst: u32) -> RateLimit {
        let [count, burst] = [count, burst].map(|number| NonZeroU32::new(number).unwrap());
        RateLimit::Per(Rate::new(count, Duration::from_secs(seconds), burst).unwrap())
    }

    #[test]
    fn rates_are_read_as_the_contract_writes_them() {
        for (text, limit) in [
            ("100/15m", rate(100, 900, 100)),
            ("600/1m", rate(600, 60, 600)),
            ("60/1m;burst=10", rate(60, 60, 10)),
            (" 60 / 1m 30s ; burst=10 ", rate(60, 90, 10)),
            ("1/1h;burst=5", rate(1, 3600, 5)),
            ("off", RateLimit::Off),
        ] {
            assert_eq!(text.parse(), Ok(limit), "{text}");
        }
    }

    #[test]
    fn a_hostile_rate_is_refused() {
        let long = "9".repeat(1_000_000);
        let many = ";burst=1".repeat(100_000);
        for text in [
            "",
            "/",
            "100",
            "100/",
            "/15m",
            "0/1m",
            "1/0s",
            "-1/1m",
            "+1/1m",
            "1.5/1m",
            "1e3/1m",
            "1/-1m",
            "1/1m;",
            "1/1m;burst",
            "1/1m;burst=",
            "1/1m;burst=0",
            "1/1m;burst=-1",
            "1/1m;burst=1;burst=2",
            "1/1m;rate=1",
            "1/1m/1m",
            "4294967296/1m",
            "1/99999999999y",
            "1/10y",
            "2/1ns",
            "1/1d;burst=1000",
            "1/366d;burst=4294967295",
            "١/1m",
            "Off",
            "1/1m\0",
            &long,
            &many,
        ] {
            assert!(text.parse::<RateLimit>().is_err(), "{text:.20}");
        }
    }

    #[test]
    fn every_algorithm_reads_back() {
        for (name, algorithm) in Algorithm::NAMES {
            assert_eq!(algorithm.to_string(), name);
            assert_eq!(name.parse(), Ok(algorithm));
        }
        let refusal = "GCRA!".parse::<Algorithm>().unwrap_err().to_string();
        assert_eq!(refusal, "expected one of `gcra`, `fixed`, `sliding`, `token-bucket`, `leaky`");
    }

    proptest! {
        #[test]
        fn a_printed_rate_reads_back(count in 1_u32..1000, millis in 1_u64..10_000_000, burst in 1_u32..1000) {
            let [count, burst] = [count, burst].map(|number| NonZeroU32::new(number).unwrap());
            let limit = RateLimit::Per(Rate::new(count, Duration::from_millis(millis), burst).unwrap());
            prop_assert_eq!(limit.to_string().parse(), Ok(limit));
        }

        #[test]
        fn no_text_brings_the_parser_down(text in "[0-9/;=a-z. -]{0,70}") {
            if let Ok(limit) = text.parse::<RateLimit>() {
                prop_assert_eq!(limit.to_string().parse(), Ok(limit));
            }
        }
    }
}
