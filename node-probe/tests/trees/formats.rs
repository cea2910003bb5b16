//! Every file that is read, in every way that it may be broken and in the ways
//! in which a later kernel may print it.

use node_probe::sample::{Observation, Observer};

use crate::tree::Tree;

/// What is told of a reader's value: a number, nothing, or why there is none.
type Told = Result<Option<u64>, String>;

/// A file of a tree and the value that is read from it.
struct Reader {
    tree: &'static str,
    file: &'static str,
    told: fn(&Observer, Observation) -> Told,
}

const fn reader(
    tree: &'static str,
    file: &'static str,
    told: fn(&Observer, Observation) -> Told,
) -> Reader {
    Reader { tree, file, told }
}

fn because<T>(result: Result<T, impl ToString>, value: impl Fn(T) -> Option<u64>) -> Told {
    result.map(value).map_err(|error| error.to_string())
}

const READERS: [Reader; 16] = [
    reader("v1", "proc/cgroups", |_, seen| {
        because(seen.zombies, |count| Some(count.high))
    }),
    reader("v2", "sys/fs/cgroup/cgroup.stat", |_, seen| {
        because(seen.zombies, |count| Some(count.high))
    }),
    reader("v1", "sys/fs/cgroup/memory/memory.stat", |_, seen| {
        because(seen.root, |_| Some(1))
    }),
    reader("v2", "sys/fs/cgroup/memory.stat", |_, seen| {
        because(seen.root, |_| Some(1))
    }),
    reader(
        "v1",
        "sys/fs/cgroup/memory/kubepods/pod7/probe/memory.stat",
        |_, seen| because(seen.leaf, |_| Some(1)),
    ),
    reader("v1", "proc/thread-self/schedstat", |_, seen| {
        Ok(seen.root.unwrap().run_delay.map(|_| 1))
    }),
    reader("v1", "proc/stat", |_, seen| {
        Ok(seen.interference.steal.map(|_| 1))
    }),
    reader("v1", "proc/stat", |_, seen| {
        because(seen.surroundings.steal, |_| Some(1))
    }),
    reader(
        "v1",
        "sys/fs/cgroup/cpu/kubepods/pod7/probe/cpu.stat",
        |_, seen| Ok(seen.interference.throttled),
    ),
    reader("v1", "proc/net/softnet_stat", |_, seen| {
        because(seen.surroundings.softnet, |rise| Some(rise?.squeezed))
    }),
    reader("v1", "proc/pressure/memory", |_, seen| {
        because(seen.surroundings.memory_pressure, |share| Some(share?.part))
    }),
    reader("v1", "proc/pressure/irq", |_, seen| {
        because(seen.surroundings.irq_pressure, |share| Some(share?.part))
    }),
    reader("v1", "proc/15/schedstat", |_, seen| {
        because(seen.surroundings.softirq_delay, |delay| {
            Some(u64::from(delay?.subsec_nanos()))
        })
    }),
    reader("v1", "proc/sys/kernel/osrelease", |observer, _| {
        because(observer.host().kernel_release.as_ref(), |text| {
            Some(text.len() as u64)
        })
    }),
    reader("v1", "proc/sys/kernel/random/boot_id", |observer, _| {
        because(observer.host().boot_id.as_ref(), |text| {
            Some(text.len() as u64)
        })
    }),
    reader("v2", "sys/fs/cgroup/cgroup.controllers", |observer, _| {
        because(observer.host().memory.as_ref(), |_| Some(1))
    }),
];

impl Reader {
    /// The value at the second look at a tree whose file holds `content`.
    fn told(&self, content: &[u8]) -> Told {
        let tree = Tree::of(self.tree);
        tree.write(self.file, content);
        let mut observer = tree.observer();
        observer.observe();
        let seen = observer.observe();
        (self.told)(&observer, seen)
    }

    fn good(&self) -> Vec<u8> {
        std::fs::read(Tree::of(self.tree).path().join(self.file)).unwrap()
    }
}

const HUGE: usize = 10 << 20;

#[test]
fn a_broken_file_is_an_error_with_its_path_or_unknown() {
    for reader in &READERS {
        let good = reader.good();
        let whole = reader.told(&good);
        let cut = &good[..good.len() - 1];
        let not_utf8 = [&b"\xff\xfe"[..], &good].concat();
        let nul = [b"\0", &good[..]].concat();
        let negative: Vec<u8> = std::iter::once(b'-').chain(good.iter().copied()).collect();
        let huge = [&good[..], &b"9".repeat(HUGE)].concat();
        let huge_rows = [&good[..], &b"a 1\n".repeat(HUGE / 4)].concat();
        let cases: [(&str, &[u8]); 8] = [
            ("empty", b""),
            ("an empty line", b"\n"),
            ("cut", cut),
            ("not UTF-8", &not_utf8),
            ("a NUL at its front", &nul),
            ("a sign at its front", &negative),
            ("a line of 10 MB", &huge),
            ("10 MB of rows", &huge_rows),
        ];
        for (how, content) in cases {
            let told = reader.told(content);
            let is_held = match &told {
                // A control that is none is another cgroup, one that works.
                _ if reader.file.ends_with("probe/memory.stat") => {
                    told.is_ok() || named(reader, &told)
                }
                // The row at the front may be another one.
                Ok(value) => value.is_none() || (how.ends_with("front") && told == whole),
                Err(_) => named(reader, &told),
            };
            assert!(is_held, "{} with {how}: {told:?}", reader.file);
        }
    }
}

/// The reason names the file, or where it would have been.
fn named(reader: &Reader, told: &Told) -> bool {
    let directory = reader
        .file
        .rsplit_once('/')
        .map_or("", |(directory, _)| directory);
    told.as_ref()
        .is_err_and(|why| why.contains(reader.file) || why.contains(directory))
}

#[test]
fn what_a_later_kernel_may_add_changes_no_number() {
    for reader in &READERS {
        let good = reader.good();
        let text = String::from_utf8(good.clone()).unwrap();
        let expected = reader.told(&good);
        assert!(
            matches!(expected, Ok(Some(_))),
            "{}: {expected:?}",
            reader.file
        );
        let crlf = text.replace('\n', "\r\n");
        assert_eq!(
            reader.told(crlf.as_bytes()),
            expected,
            "{} with CR LF",
            reader.file
        );
        let more = format!("{text}unheard_of 7\n");
        let has_one_kind_of_row = reader.file.ends_with("softnet_stat");
        if !has_one_kind_of_row {
            assert_eq!(
                reader.told(more.as_bytes()),
                expected,
                "{} and a row",
                reader.file
            );
        }
        let has_columns = ["cgroups", "stat", "memory", "irq"];
        let is_table = has_columns
            .iter()
            .any(|name| reader.file.ends_with(&format!("/{name}")));
        if is_table || reader.file.ends_with("schedstat") || has_one_kind_of_row {
            let wider = text.replace('\n', " 00000007 00000007\n");
            assert_eq!(
                reader.told(wider.as_bytes()),
                expected,
                "{} wider",
                reader.file
            );
        }
    }
}

#[test]
fn rows_in_another_order_change_no_number() {
    for reader in &READERS {
        let text = String::from_utf8(reader.good()).unwrap();
        let expected = reader.told(text.as_bytes());
        // The first line is the header of the one, and the other has CPUs in order.
        let kept = usize::from(reader.file == "proc/cgroups");
        let mut rows: Vec<&str> = text.lines().collect();
        rows[kept..].reverse();
        let told = reader.told((rows.join("\n") + "\n").as_bytes());
        if reader.file.ends_with("softnet_stat") && rows.len() > 1 {
            assert!(told.unwrap_err().contains("in their order"));
        } else {
            assert_eq!(told, expected, "{}", reader.file);
        }
    }
}

#[test]
fn columns_in_another_order_are_refused_where_a_header_names_them() {
    let tree = Tree::of("v1");
    tree.write(
        "proc/cgroups",
        "#subsys_name\tnum_cgroups\thierarchy\tenabled\nmemory\t48217\t4\t1\n",
    );
    let error = tree.observe().zombies.unwrap_err().to_string();
    assert!(
        error.contains("proc/cgroups: expected the columns #subsys_name hierarchy"),
        "{error}"
    );
}
