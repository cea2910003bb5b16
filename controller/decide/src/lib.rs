//! Pure decisions: `Snapshot -> Plan`.
