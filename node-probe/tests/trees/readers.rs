//! Every reader on every kind of host: the right values from a good tree, an
//! error that names the file from a broken one.

use std::time::Duration;

use crate::tree::{Tree, fixture};
use node_probe::sample::{CgroupVersion, Hierarchy, Observer, Roots, ZombieCount};

const LEAF_V1: &str = "sys/fs/cgroup/memory/kubepods/pod7/probe/memory.stat";
const ROOT_V1: &str = "sys/fs/cgroup/memory/memory.stat";

#[test]
fn a_v1_host_gives_every_value() {
    let tree = Tree::of("v1");
    let mut observer = tree.observer();
    let host = observer.host().clone();
    assert_eq!(host.kernel_release.as_deref(), Ok("4.9.0-19-amd64"));
    assert_eq!(
        host.boot_id.as_deref(),
        Ok("0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0")
    );
    let memory = host.memory.unwrap();
    assert_eq!(
        (memory.version, memory.hierarchy),
        (CgroupVersion::V1, Hierarchy::V1)
    );
    assert_eq!(observer.leaf().unwrap(), tree.path().join(LEAF_V1));
    assert_eq!(observer.unread_inputs().count(), 0);

    let seen = observer.observe();
    assert_eq!(seen.zombies, Ok(ZombieCount::exactly(48_217 - 6)));
    let read = seen.root.unwrap();
    assert!(read.on_cpu > Duration::ZERO && read.wall > Duration::ZERO);
    assert_eq!(read.run_delay, Some(Duration::ZERO));
    assert!(seen.leaf.is_ok());
    assert_eq!(seen.interference.throttled, Some(0));
    assert_eq!(seen.interference.steal, Some(Duration::ZERO));
    assert!(seen.is_cold && seen.cost >= read.on_cpu);
    assert!(!observer.observe().is_cold);
}

#[test]
fn a_v2_host_gives_every_value() {
    let tree = Tree::of("v2");
    let mut observer = tree.observer();
    let memory = observer.host().memory.clone().unwrap();
    assert_eq!(
        (memory.version, memory.hierarchy),
        (CgroupVersion::V2, Hierarchy::V2)
    );
    let leaf = tree
        .path()
        .join("sys/fs/cgroup/kubepods.slice/probe.scope/memory.stat");
    assert_eq!(observer.leaf().unwrap(), leaf);
    let seen = observer.observe();
    assert_eq!(seen.zombies, Ok(ZombieCount::exactly(5_203)));
    assert!(seen.root.is_ok() && seen.leaf.is_ok());
    assert_eq!(seen.interference.throttled, Some(0));
}

#[test]
fn a_v2_kernel_before_6_12_counts_dying_descendants() {
    let tree = Tree::of("v2");
    tree.write(
        "sys/fs/cgroup/cgroup.stat",
        "nr_descendants 4\nnr_dying_descendants 5210\n",
    );
    assert_eq!(tree.observe().zombies, Ok(ZombieCount::exactly(5_210)));
}

#[test]
fn a_hybrid_host_behind_a_cgroup_namespace_gives_every_value_but_own_throttling() {
    let tree = Tree::of("hybrid");
    let mut observer = tree.observer();
    let memory = observer.host().memory.clone().unwrap();
    assert_eq!(
        (memory.version, memory.hierarchy),
        (CgroupVersion::Hybrid, Hierarchy::V1)
    );
    // The namespace hides the probe's own cgroup: the leaf nearest the root.
    let leaf = tree
        .path()
        .join("sys/fs/cgroup/memory/system.slice/memory.stat");
    assert_eq!(observer.leaf().unwrap(), leaf);
    let unread: Vec<&str> = observer.unread_inputs().map(|(what, _)| what).collect();
    assert_eq!(unread, ["own throttling"]);
    let seen = observer.observe();
    assert_eq!(seen.zombies, Ok(ZombieCount::exactly(3)));
    assert_eq!(seen.interference.throttled, None);
    assert!(seen.root.is_ok());
}

#[test]
fn a_hybrid_host_may_have_memory_on_v2() {
    let tree = Tree::of("v2");
    let unified = tree.path().join("sys/fs/unified");
    std::fs::rename(tree.path().join("sys/fs/cgroup"), &unified).unwrap();
    std::fs::create_dir(tree.path().join("sys/fs/cgroup")).unwrap();
    std::fs::rename(unified, tree.path().join("sys/fs/cgroup/unified")).unwrap();
    let memory = tree.observer().host().memory.clone().unwrap();
    assert_eq!(
        (memory.version, memory.hierarchy),
        (CgroupVersion::Hybrid, Hierarchy::V2)
    );
    assert_eq!(tree.observe().zombies, Ok(ZombieCount::exactly(5_203)));
}

#[test]
fn the_containers_own_cgroup_is_the_control_where_its_path_is_hidden() {
    let host = Tree::of("v2");
    host.write("proc/self/cgroup", "0::/\n");
    let own = fixture("hidden-root-v2").join("sys/fs/cgroup");
    let roots = Roots {
        own_cgroup: Some(own.clone()),
        ..Roots::under(host.path())
    };
    let observer = Observer::open(roots);
    assert_eq!(observer.leaf().unwrap(), own.join("memory.stat"));
    assert_eq!(
        observer.unread_inputs().count(),
        0,
        "and tells its throttling"
    );
}

#[test]
fn a_kernel_without_the_memory_row_has_unknown_zombies_and_timed_reads() {
    let seen = Tree::of("no-memory-row").observe();
    let error = seen.zombies.unwrap_err().to_string();
    assert!(error.contains("proc/cgroups: no row memory"), "{error}");
    assert!(seen.root.is_ok());
}

#[test]
fn a_root_that_is_none_is_refused_for_every_signal() {
    for name in ["hidden-root-v1", "hidden-root-v2"] {
        let seen = Tree::of(name).observe();
        for error in [seen.root.unwrap_err(), seen.zombies.unwrap_err()] {
            let error = error.to_string();
            assert!(
                error.contains("not the root of the hierarchy; mount the host's"),
                "{error}"
            );
        }
    }
}

#[test]
fn a_hidden_root_hides_nothing_that_is_no_cgroups() {
    let tree = Tree::of("hidden-root-v2");
    std::fs::create_dir(tree.path().join("proc/pressure")).unwrap();
    let waited = |total| {
        let line = |kind| format!("{kind} avg10=0.00 avg60=0.00 avg300=0.00 total={total}\n");
        tree.write("proc/pressure/memory", &(line("some") + &line("full")));
    };
    waited(1_000);
    let mut observer = tree.observer();
    assert_eq!(observer.observe().surroundings.memory_pressure, Ok(None));
    waited(1_500);
    std::thread::sleep(std::time::Duration::from_millis(2));
    let seen = observer.observe();
    assert!(seen.root.is_err());
    let share = seen.surroundings.memory_pressure;
    assert!(matches!(share, Ok(Some(_))), "{share:?}");
}

#[test]
fn a_leaf_that_went_away_is_replaced_by_another() {
    let tree = Tree::of("v1");
    tree.remove(LEAF_V1);
    let mut observer = tree.observer();
    let other = observer.leaf().unwrap().to_owned();
    assert!(
        other.ends_with("memory/system.slice/memory.stat"),
        "{}",
        other.display()
    );
    assert!(observer.observe().leaf.is_ok());
}

#[test]
fn a_mount_that_comes_late_is_found() {
    let tree = Tree::of("v1");
    let parked = tree.path().join("parked");
    std::fs::rename(tree.path().join("sys"), &parked).unwrap();
    let mut observer = tree.observer();
    assert!(observer.observe().root.is_err());
    std::fs::rename(parked, tree.path().join("sys")).unwrap();
    let seen = observer.observe();
    assert!(seen.root.is_ok() && seen.zombies.is_ok() && seen.is_cold);
}

const STAT: &str = "sys/fs/cgroup/cgroup.stat";

/// A tree, a file of it made unusable, and the error that must name it.
const BROKEN: [(&str, &str, &[u8], &str); 16] = [
    ("v1", "proc/cgroups", b"", "cgroups: expected text"),
    (
        "v1",
        "proc/cgroups",
        b"#subsys_name\thierarchy\tnum_cgroups\nmemory\t4\t482",
        "cgroups: expected a newline",
    ),
    (
        "v1",
        "proc/cgroups",
        b"#subsys_name\thierarchy\tnum_cgroups\nmemory\t4\n",
        "cgroups: expected a number, found \"\"",
    ),
    (
        "v1",
        "proc/cgroups",
        b"#subsys_name\thierarchy\tnum_cgroups\nmemory\t4\t-7\t1\n",
        "cgroups: expected a number, found \"-7\"",
    ),
    (
        "v1",
        "proc/cgroups",
        b"#subsys_name\thierarchy\tnum_cgroups\nmemory\t4\t48217x\t1\n",
        "cgroups: expected a number",
    ),
    (
        "v1",
        "proc/cgroups",
        b"#subsys_name\thierarchy\tnum_cgroups\nmemory\t4\t99999999999\t1\n",
        "cgroups: expected a count below",
    ),
    (
        "v1",
        "proc/cgroups",
        b"#subsys_name\thierarchy\tnum_cgroups\nmemory\t0\t48217\t1\n",
        "the trees are not of one host",
    ),
    (
        "v1",
        "proc/cgroups",
        b"#subsys_name\thierarchy\tnum_cgroups\nmemory\t4\t5\t1\n",
        "counts 5 cgroups where",
    ),
    (
        "v1",
        "proc/cgroups",
        b"\xff\xfe\t4\t5\t1\n",
        "cgroups: expected UTF-8 text",
    ),
    (
        "v2",
        STAT,
        b"nr_dying_descendants 52",
        "cgroup.stat: expected a newline",
    ),
    (
        "v2",
        STAT,
        b"nr_dying_subsys_memory\n",
        "cgroup.stat: expected a number",
    ),
    (
        "v2",
        STAT,
        b"nr_dying_subsys_memory 18446744073709551616\n",
        "at most 64 bits",
    ),
    (
        "v2",
        STAT,
        b"nr_dying_subsys_memory 4294967295\n",
        "a count below 2^31",
    ),
    (
        "v1",
        "proc/cgroups",
        b"memory\t4\t48217\t1\n",
        "cgroups: expected the columns",
    ),
    (
        "v2",
        STAT,
        b"nr_subsys_memory 4\nnr_dying_descendants 5\n",
        "cgroup.stat: no row nr_dying_subsys_memory",
    ),
    (
        "v2",
        STAT,
        b"nr_descendants 4\n",
        "before 4.14 do not count",
    ),
];

#[test]
fn a_broken_file_is_an_error_that_names_it() {
    for (name, file, content, expected) in BROKEN {
        let tree = Tree::of(name);
        tree.write(file, content);
        let error = tree.observe().zombies.unwrap_err().to_string();
        assert!(error.contains(expected), "{file} with {content:?}: {error}");
    }
}

#[test]
fn a_broken_memory_stat_gives_no_time() {
    for (content, expected) in [
        (&b""[..], "expected text"),
        (b"cache 10", "expected a newline"),
        (b"\xff\xff 1\n", "expected UTF-8"),
        (b"<html>\n", "expected rows of a name"),
    ] {
        let tree = Tree::of("v1");
        tree.write(ROOT_V1, content);
        let seen = tree.observe();
        let error = seen.root.unwrap_err().to_string();
        assert!(
            error.contains("memory/memory.stat: ") && error.contains(expected),
            "{error}"
        );
        assert!(seen.zombies.is_ok(), "and leaves the rest alone");
    }
}

#[test]
fn a_missing_file_leaves_the_rest_alone() {
    let tree = Tree::of("v1");
    tree.remove("proc/cgroups");
    tree.remove("proc/stat");
    tree.remove("proc/thread-self/schedstat");
    tree.remove("proc/sys/kernel/osrelease");
    tree.write("proc/sys/kernel/random/boot_id", "not-a-uuid\n");
    let mut observer = tree.observer();
    let host = observer.host().clone();
    assert!(
        host.kernel_release
            .unwrap_err()
            .to_string()
            .contains("osrelease: No such file")
    );
    assert!(
        host.boot_id
            .unwrap_err()
            .to_string()
            .contains("boot_id: expected a UUID")
    );
    let unread: Vec<&str> = observer.unread_inputs().map(|(what, _)| what).collect();
    assert_eq!(unread, ["own wait for a CPU", "CPU steal"]);
    let seen = observer.observe();
    assert!(
        seen.zombies
            .unwrap_err()
            .to_string()
            .contains("proc/cgroups: No such file")
    );
    assert_eq!(seen.root.unwrap().run_delay, None);
    assert_eq!(seen.interference.steal, None);
    assert!(
        !observer.observe().is_cold,
        "what stays missing does not start it anew"
    );
}

#[test]
fn hosts_without_usable_memory_cgroups_say_what_to_do() {
    let cases: [(&str, &str, &str); 3] = [
        (
            "v2",
            "sys/fs/cgroup/cgroup.controllers",
            "cgroup_enable=memory",
        ),
        ("v1", ROOT_V1, "no memory cgroups found; mount the host's"),
        (
            "v1",
            "sys/fs/cgroup/memory",
            "no memory cgroups found; mount the host's",
        ),
    ];
    for (name, file, expected) in cases {
        let tree = Tree::of(name);
        if file.ends_with("controllers") {
            tree.write(file, "cpu io\n")
        } else {
            tree.remove(file)
        }
        let error = tree.observe().root.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Root memory.stat came to version 2 with 5.8.
#[test]
fn a_v2_kernel_without_a_root_memory_stat_still_counts_zombies() {
    let tree = Tree::of("v2");
    tree.remove("sys/fs/cgroup/memory.stat");
    let seen = tree.observe();
    assert!(
        seen.root
            .unwrap_err()
            .to_string()
            .contains("memory.stat: No such file")
    );
    assert_eq!(seen.zombies, Ok(ZombieCount::exactly(5_203)));
}
