//! When each node was taken and given back, as somebody saw it who looks twice a
//! second.

use std::fmt;

use jiff::Timestamp;

#[derive(Debug)]
struct Turn {
    node: &'static str,
    taken: Timestamp,
    back: Option<Timestamp>,
    /// Until when canaries bake, as the policy said last before the next was taken.
    baking_until: Option<Timestamp>,
}

/// The turns of all nodes, in order.
#[derive(Debug, Default)]
pub struct Journal(Vec<Turn>);

impl Journal {
    /// Notes what changed.
    pub fn see(
        &mut self,
        node: &'static str,
        is_cordoned: bool,
        now: Timestamp,
        baking_until: Option<Timestamp>,
    ) {
        if let (Some(last), Some(_)) = (self.0.last_mut(), baking_until) {
            last.baking_until = baking_until;
        }
        let open = self
            .0
            .iter_mut()
            .find(|turn| turn.node == node && turn.back.is_none());
        match (open, is_cordoned) {
            (None, true) => self.0.push(Turn {
                node,
                taken: now,
                back: None,
                baking_until: None,
            }),
            (Some(turn), false) => turn.back = Some(now),
            _ => {}
        }
    }

    /// When the first was taken.
    pub fn first(&self) -> Option<Timestamp> {
        self.0.first().map(|turn| turn.taken)
    }

    /// Three turns, none before the last was over, and the second not before the
    /// first had baked.
    pub fn assert_canary_then_one_at_a_time(&self) {
        let [canary, second, third] = &self.0[..] else {
            panic!("not three turns: {self}");
        };
        assert!(
            canary.node != second.node && second.node != third.node && canary.node != third.node,
            "{self}"
        );
        let until = canary
            .baking_until
            .unwrap_or_else(|| panic!("nothing baked: {self}"));
        assert!(second.taken >= until, "{self}: baked until {until}");
        for (earlier, later) in [(canary, second), (second, third)] {
            assert!(
                earlier.back.is_some_and(|back| back <= later.taken),
                "{self}"
            );
        }
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, turn) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let taken = turn.taken.strftime("%H:%M:%S");
            write!(f, "{comma}{} from {taken}", turn.node)?;
            if let Some(back) = turn.back {
                write!(f, " to {}", back.strftime("%H:%M:%S"))?;
            }
        }
        Ok(())
    }
}
