//! What every world must be. What worlds found once is planted again (`make plant`) and has a
//! scenario: a change of how they are drawn makes other worlds of all seeds.

use super::{Telling, run};

#[test]
fn one_seed_is_one_run() {
    let digest = |seed, telling| run(seed, None, telling).unwrap().digest;
    let of_five = digest(5, Telling::Deeds);
    assert_eq!(of_five, digest(5, Telling::Deeds));
    assert_eq!(of_five, digest(5, Telling::Sights), "whoever looks on");
    assert_ne!(of_five, digest(6, Telling::Deeds));
}
