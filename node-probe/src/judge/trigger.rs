//! A rule and the state that its signal has put it in. (pure)
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::corroboration::Corroboration;
use super::history::{CAPACITY, GAP_MAX};
use super::rule::Rule;
use super::series::Series;
use crate::pace::{Mode, Pace};
use crate::text;
use crate::time::MonotonicTime;

/// What a trigger says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The value was above its limit for as long as the rule asks, and has not
    /// been below the lower limit since.
    Firing,
    /// The value is known, and the rule does not fire.
    Clear,
    /// It cannot be said.
    Unknown,
}

/// Why a trigger is [`State::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnknownReason {
    /// The signal cannot be read.
    Unreadable(Arc<str>),
    /// There are not enough trusted samples yet.
    TooFewSamples {
        /// Samples there are.
        have: usize,
        /// Samples the rule asks for.
        need: usize,
    },
    /// The rule asks for more samples than the probe keeps.
    TooManyAsked {
        /// Samples the rule asks for.
        need: usize,
    },
    /// The newest trusted sample is too old to speak for now.
    Stale {
        /// Its age.
        age: Duration,
    },
    /// Above the limit for long enough, and none of the signals that must bear
    /// it out can be told.
    Uncorroborated(Arc<str>),
    /// The first value known is above the limit, but not for long enough yet.
    Pending {
        /// For how long it has been.
        above_for: Duration,
    },
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) | Self::Uncorroborated(why) => f.write_str(why),
            Self::TooFewSamples { have, need } => {
                write!(f, "{have} of the {need} samples that the rule asks for")
            }
            Self::TooManyAsked { need } => {
                write!(
                    f,
                    "the rule asks for {need} samples, the probe keeps {CAPACITY}"
                )
            }
            Self::Stale { age } => {
                write!(
                    f,
                    "the newest trusted sample is {} old",
                    text::duration(*age)
                )
            }
            Self::Pending { above_for } => {
                write!(
                    f,
                    "above the limit for {} so far",
                    text::duration(*above_for)
                )
            }
        }
    }
}

/// A rule and its state.
#[derive(Clone, Debug)]
pub struct Trigger {
    rule: Rule,
    state: State,
    since: MonotonicTime,
    above_since: Option<MonotonicTime>,
    value: Option<u64>,
    unknown: Option<UnknownReason>,
    note: Option<Arc<str>>,
    /// What others said last, in words.
    others: Option<(Corroboration, Arc<str>)>,
    held_until: Option<MonotonicTime>,
    /// Since when samples are all that it lacks.
    lacks_since: Option<MonotonicTime>,
    evaluated: MonotonicTime,
}

impl Trigger {
    /// `rule`, of which nothing is known at `now`.
    #[must_use]
    pub fn new(rule: Rule, now: MonotonicTime) -> Self {
        let unknown = UnknownReason::TooFewSamples {
            have: 0,
            need: rule.samples,
        };
        Self {
            rule,
            state: State::Unknown,
            since: now,
            above_since: None,
            value: None,
            unknown: Some(unknown),
            note: None,
            others: None,
            held_until: None,
            lacks_since: Some(now),
            evaluated: now,
        }
    }

    /// Takes over what an earlier run of the probe said of this rule on this
    /// boot, since `since`. It holds until there are samples enough to judge
    /// anew, but not for longer than samples hold, or than they take where they
    /// cannot be hurried: a restart is no news.
    pub fn resume(&mut self, state: State, since: MonotonicTime, now: MonotonicTime, pace: Pace) {
        if self.state == State::Unknown && state != State::Unknown {
            self.state = state;
            self.since = since;
            self.held_until = Some(now.after(self.holds_for(pace)));
        }
    }

    /// As long as its samples hold, or take where they cannot be hurried.
    fn holds_for(&self, pace: Pace) -> Duration {
        if self.rule.signal.can_be_hurried() {
            return GAP_MAX;
        }
        let samples = u32::try_from(self.rule.samples.min(CAPACITY)).unwrap_or(u32::MAX);
        GAP_MAX.saturating_add(pace.longest_window().saturating_mul(samples))
    }

    /// The rule.
    #[must_use]
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Takes over thresholds of a rule that is the same by its hash.
    pub fn set_rule(&mut self, rule: Rule) {
        self.rule = rule;
        self.others = None;
    }

    /// What it says.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when it has said that.
    #[must_use]
    pub fn since(&self) -> MonotonicTime {
        self.since
    }

    /// Since when the value has been above the limit, if it is.
    #[must_use]
    pub fn above_since(&self) -> Option<MonotonicTime> {
        self.above_since
    }

    /// The rule's statistic at the last evaluation, in the signal's unit.
    #[must_use]
    pub fn value(&self) -> Option<u64> {
        self.value
    }

    /// Why it is unknown, or would be if it were not held.
    #[must_use]
    pub fn unknown(&self) -> Option<&UnknownReason> {
        self.unknown.as_ref()
    }

    /// Why it is clear all the same, if its value says otherwise.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        let here = self.note.as_deref();
        self.rule.not_here.as_deref().or(here)
    }

    /// Judges `series`, the rule's signal, at `now`, with what other signals say
    /// to it.
    pub fn evaluate(&mut self, now: MonotonicTime, series: &Series, others: Corroboration) {
        self.note = None;
        self.evaluated = now;
        if self.rule.not_here.is_some() {
            self.value = None;
            self.above_since = None;
            self.held_until = None;
            self.lacks_since = None;
            return self.enter(State::Clear, now, None);
        }
        let known = self.known_value(now, series);
        self.lacks_since = match known {
            Err(UnknownReason::TooFewSamples { .. } | UnknownReason::Stale { .. }) => {
                self.lacks_since.or(Some(now))
            }
            _ => None,
        };
        match known {
            Ok(value) => {
                self.value = Some(value);
                if self.held_until.take().is_some() {
                    // The state may stand as it is, and lacks nothing now.
                    self.unknown = None;
                }
                self.judge(now, value, others);
            }
            Err(few @ UnknownReason::TooFewSamples { .. })
                if self.held_until.is_some_and(|until| now < until) =>
            {
                self.value = None;
                self.unknown = Some(few);
            }
            Err(reason) => {
                self.value = None;
                self.above_since = None;
                self.held_until = None;
                self.enter(State::Unknown, now, Some(reason));
            }
        }
    }

    /// How eagerly more samples are wanted: not at all of a signal that cannot be read;
    /// window by window while there are too few of what cannot be hurried, at `pace`.
    #[must_use]
    pub fn mode(&self, series: &Series, pace: Pace) -> Mode {
        if series.unreadable().is_some() || self.rule.not_here.is_some() {
            return Mode::Quiet;
        }
        let signal = self.rule.signal;
        let is_wanted = if signal.can_be_hurried() {
            self.is_undecided(series)
        } else {
            self.waits_for_samples(pace)
        };
        if is_wanted {
            signal.mode()
        } else {
            Mode::Quiet
        }
    }

    /// Whether samples are all that it lacks. What has not come in the time that it
    /// takes may never come: counts that cannot be believed, growth that is never told.
    fn waits_for_samples(&self, pace: Pace) -> bool {
        let lacks = self.lacks_since.map(|since| self.evaluated.since(since));
        self.is_held() || lacks.is_some_and(|lacks| lacks < self.holds_for(pace))
    }

    /// Whether more samples, sooner, would decide something: a limit is being
    /// crossed, or there are too few. What waits for other signals to bear it out is
    /// not decided by more of its own.
    fn is_undecided(&self, series: &Series) -> bool {
        if self.is_held() {
            return true;
        }
        let last = series.history().last().map(|(_, value)| value);
        match self.state {
            State::Firing => last.is_some_and(|value| value < self.rule.clear_below),
            // The note is that others deny it.
            State::Clear if self.note.is_some() => false,
            State::Clear => {
                self.above_since.is_some() || last.is_some_and(|value| value > self.rule.above)
            }
            State::Unknown => !matches!(
                self.unknown,
                Some(UnknownReason::TooManyAsked { .. } | UnknownReason::Uncorroborated(_))
            ),
        }
    }

    /// Whether it says what an earlier run said, for want of samples.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held_until.is_some()
    }

    fn known_value(&self, now: MonotonicTime, series: &Series) -> Result<u64, UnknownReason> {
        let need = self.rule.samples;
        if let Some(why) = series.unreadable_reason() {
            return Err(UnknownReason::Unreadable(why));
        }
        if need > CAPACITY {
            return Err(UnknownReason::TooManyAsked { need });
        }
        if let Some((newest, _)) = series.history().last()
            && series.history().is_stale(now)
        {
            let age = now.since(newest);
            return Err(UnknownReason::Stale { age });
        }
        let value = series.history().statistic(self.rule.statistic, need);
        value.map_err(|few| UnknownReason::TooFewSamples {
            have: few.have,
            need,
        })
    }

    fn judge(&mut self, now: MonotonicTime, value: u64, others: Corroboration) {
        if value > self.rule.above {
            let above_for = now.since(*self.above_since.get_or_insert(now));
            if self.state == State::Firing {
                // What bore it out once need not go on as long.
                self.enter(State::Firing, now, None);
            } else if above_for >= self.rule.hold {
                match others {
                    Corroboration::Given => self.enter(State::Firing, now, None),
                    Corroboration::Denied(_) => {
                        self.note = Some(self.in_words(others));
                        self.enter(State::Clear, now, None);
                    }
                    Corroboration::Unknown => {
                        let why = UnknownReason::Uncorroborated(self.in_words(others));
                        self.enter(State::Unknown, now, Some(why));
                    }
                }
            } else if self.state == State::Unknown {
                // Neither is true yet: it does not fire, nor is it clear.
                self.enter(
                    State::Unknown,
                    now,
                    Some(UnknownReason::Pending { above_for }),
                );
            }
            return;
        }
        self.above_since = None;
        if self.state != State::Firing || value < self.rule.clear_below {
            self.enter(State::Clear, now, None);
        }
    }

    /// Put into words once, however long others go on to say the same.
    fn in_words(&mut self, others: Corroboration) -> Arc<str> {
        match &self.others {
            Some((said, words)) if *said == others => Arc::clone(words),
            _ => {
                let words: Arc<str> = others.sentence(&self.rule).into();
                self.others = Some((others, Arc::clone(&words)));
                words
            }
        }
    }

    /// Changes `since` only with the state, so that it tells how long.
    fn enter(&mut self, state: State, now: MonotonicTime, unknown: Option<UnknownReason>) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
        self.unknown = unknown;
    }
}
