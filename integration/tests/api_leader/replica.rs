//! A candidate on a thread of its own, as a process would be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use kube::{Client, Config};
use unstall_controller::lead::lease::Terms;
use unstall_controller::lead::{Leadership, LeadershipLost, Options, campaign, unique};

use crate::bed::Bed;
use unstall_integration::forward::Forward;

/// Shorter than in production, and long enough for a machine that is busy.
pub const TERMS: Terms = Terms {
    duration: Duration::from_secs(6),
    renew_deadline: Duration::from_secs(4),
    retry: Duration::from_millis(400),
};

/// Longer than anything here takes.
pub const LIMIT: Duration = Duration::from_secs(60);

enum Order {
    /// Nothing of the thread runs for so long.
    Freeze(Duration),
    Release,
    /// Ends without a word, as after `kill -9`.
    Die,
}

/// What the thread tells.
#[derive(Default)]
struct Told {
    leadership: Option<Leadership>,
    lost: Option<LeadershipLost>,
    standby_of: Option<String>,
    released: Option<Result<(), String>>,
}

/// One candidate.
pub struct Replica {
    pub name: String,
    pub forward: Forward,
    told: Arc<Mutex<Told>>,
    orders: mpsc::Sender<Order>,
    is_over: Arc<AtomicBool>,
}

impl Replica {
    /// Wants the lease `lease` from now on.
    pub fn start(bed: &Bed, lease: &str, name: &str) -> Self {
        let forward = Forward::to(&bed.plain).unwrap();
        let told = Arc::new(Mutex::new(Told::default()));
        let (orders, ordered) = mpsc::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let options = Options {
            namespace: "default".to_owned(),
            lease: lease.to_owned(),
            identity: unique(name),
            terms: TERMS,
        };
        let (shared, ended, port) = (Arc::clone(&told), Arc::clone(&is_over), forward.port);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            runtime.block_on(live(port, options, &shared, &ordered));
            ended.store(true, Ordering::SeqCst);
        });
        Self {
            name: name.to_owned(),
            forward,
            told,
            orders,
            is_over,
        }
    }

    /// Whether it may act now.
    pub fn may_act(&self) -> bool {
        self.with(|told| told.leadership.clone())
            .is_some_and(|leadership| leadership.may_act())
    }

    /// Its leadership, once it has one.
    pub fn until_it_leads(&self) -> Leadership {
        let what = format!("{} to lead", self.name);
        wait(&what, || {
            self.with(|told| told.leadership.clone())
                .filter(Leadership::may_act)
        })
    }

    /// Waits until it knows that it leads no more, and returns why.
    pub fn until_it_lost(&self) -> String {
        let what = format!("{} to lose", self.name);
        wait(&what, || self.with(|told| told.lost.clone())).to_string()
    }

    /// Waits until it knows that another one leads.
    pub fn until_it_stands_by(&self) -> String {
        wait("a standby", || self.with(|told| told.standby_of.clone()))
    }

    /// Stops its thread for so long.
    pub fn freeze(&self, time: Duration) {
        self.orders.send(Order::Freeze(time)).unwrap();
    }

    /// Lets it give the lease up, and returns how that went.
    pub fn release(&self) -> Result<(), String> {
        self.orders.send(Order::Release).unwrap();
        wait("the release", || self.with(|told| told.released.clone()))
    }

    /// Ends it without a word.
    pub fn kill(&self) {
        // It may have ended by itself.
        let _ = self.orders.send(Order::Die);
        wait("its end", || {
            self.is_over.load(Ordering::SeqCst).then_some(())
        });
    }

    fn with<T>(&self, look: impl FnOnce(&Told) -> T) -> T {
        look(&self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Die);
    }
}

/// Waits for something to be there.
pub fn wait<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(it) = found() {
            return it;
        }
        assert!(Instant::now() < deadline, "waited {LIMIT:?} for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

async fn live(port: u16, options: Options, told: &Mutex<Told>, orders: &mpsc::Receiver<Order>) {
    let tell = |change: &dyn Fn(&mut Told)| {
        change(&mut told.lock().unwrap_or_else(PoisonError::into_inner));
    };
    let mut config = Config::new(format!("http://127.0.0.1:{port}").parse().unwrap());
    config.default_retry = false;
    let client = Client::try_from(config).unwrap();
    let campaign = campaign(client, options, |standing| {
        if let unstall_controller::lead::Standing::Standby { leader } = standing {
            tell(&|told| told.standby_of = Some(leader.to_owned()));
        }
    });
    let mut campaign = std::pin::pin!(campaign);
    let (leadership, keeper) = loop {
        tokio::select! {
            elected = &mut campaign => break elected.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(20)) => match orders.try_recv() {
                Ok(Order::Freeze(time)) => std::thread::sleep(time),
                Ok(_) | Err(mpsc::TryRecvError::Disconnected) => return,
                Err(mpsc::TryRecvError::Empty) => {}
            },
        }
    };
    tell(&|told| told.leadership = Some(leadership.clone()));
    let mut lost = std::pin::pin!(leadership.lost());
    loop {
        tokio::select! {
            why = &mut lost => {
                tell(&|told| told.lost = Some(why.clone()));
                return;
            }
            () = tokio::time::sleep(Duration::from_millis(20)) => match orders.try_recv() {
                Ok(Order::Freeze(time)) => std::thread::sleep(time),
                Ok(Order::Release) => {
                    let released = keeper.release().await.map_err(|error| format!("{error:#}"));
                    tell(&|told| told.released = Some(released.clone()));
                    return;
                }
                Ok(Order::Die) | Err(mpsc::TryRecvError::Disconnected) => return,
                Err(mpsc::TryRecvError::Empty) => {}
            },
        }
    }
}
