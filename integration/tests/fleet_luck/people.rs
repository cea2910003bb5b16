//! People in the middle of it.

use serde_json::Value;
use unstall_integration::product::text;
use unstall_integration::vm_fleet::{boot_id, node};

use crate::luck::{Luck, SICK};

pub fn uncordons_amid_a_drain(luck: &Luck<'_>) {
    let incident = luck.strike_held_up();
    let boots = luck.sick().boots().len();
    luck.bed.kubectl(&["uncordon", SICK]);
    luck.ends_as(&incident, "Aborted");
    luck.mend();
    assert_eq!(luck.sick().boots().len(), boots, "nobody rebooted it");
}

pub fn reboots_amid_a_drain(luck: &Luck<'_>) {
    let incident = luck.strike_held_up();
    let boots = luck.sick().boots().len();
    let before = boot_id(&luck.bed.now(), SICK).map(str::to_owned);
    luck.sick().check("systemctl reboot --no-block").unwrap();
    luck.bed
        .until("the kubelet to tell of another boot", |objects| {
            boot_id(objects, SICK).is_some_and(|now| Some(now) != before.as_deref())
        });
    luck.ends_as(&incident, "Aborted");
    luck.mend();
    assert_eq!(
        luck.sick().boots().len(),
        boots + 1,
        "only they rebooted it"
    );
}

pub fn node_made_again_amid_a_drain(luck: &Luck<'_>) {
    let incident = luck.strike_held_up();
    let boots = luck.sick().boots().len();
    let uid = |objects: &[Value]| text(node(objects, SICK)?, "/metadata/uid").map(str::to_owned);
    let before = uid(&luck.bed.now());
    luck.bed.kubectl(&["delete", "node", SICK]);
    luck.ends_as(&incident, "Superseded");
    // The kubelet registers its node at its start alone.
    luck.sick().check("systemctl restart kubelet").unwrap();
    luck.bed.until("another Node of that name", |objects| {
        uid(objects).is_some_and(|now| Some(now) != before)
    });
    luck.mend();
    luck.bed.until_clear(SICK);
    assert_eq!(luck.sick().boots().len(), boots, "nobody rebooted it");
}
