//! What the program keeps beside its databases, and what its log and its measurements say. The generator of the data map
//! reads this file by its path too.

policy::personal! {
    FILES: files "data folder" {
        "DIR.root-key": {
            category: Key, subject: AccountHolder, purposes: [Record: Contract, Security: LegitimateInterest],
            source: Derived, retention: Account, protection: Clear,
            export: Omit("it opens everything; the storage page gives it to the owner"), erase: Delete,
            clauses: [C6_2, C6_3, C9_3_3],
        },
        "DIR.erasures": {
            category: AccountId, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Account, protection: Clear, export: Omit("opaque ids of who was erased"),
            erase: Keep(
                "so that a restored backup is erased again; opaque ids that belong to nobody any more",
                "damit eine wiederhergestellte Sicherung erneut gelöscht wird; Kennungen, die niemandem mehr gehören",
            ),
            clauses: [C3_5],
        },
        "setup-url": {
            category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Minutes(30), protection: Clear, export: Omit("a secret that works once"), erase: Delete,
            clauses: [C6_2],
        },
        "restore-points/": {
            category: AccountId, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Account, protection: AccountKey, export: Omit("older copies of what the database holds"),
            erase: Shred, clauses: [C6_2],
        },
        "control.sock": not_personal("a socket that only the operator of the server can use"),
        "lock": not_personal("tells that a server has the folder"),
        "certificate": not_personal("the server's own certificate and key"),
    }
}

policy::personal! {
    LOG: log "log and measurements" {
        addr: not_personal("where the server listens"),
        attempts: not_personal("a count"),
        camera: not_personal("opaque id"),
        cause: not_personal("a word of the program"),
        error: not_personal("errors hold nothing personal"),
        file: not_personal("a path of the server"),
        fragments: not_personal("a count"),
        free_bytes: not_personal("a count"),
        full: not_personal("whether there is room"),
        kind: not_personal("a word of the program"),
        object: not_personal("opaque id"),
        objects: not_personal("a count"),
        stream: not_personal("main or sub"),
        url: not_personal("the address of the server itself"),
    }
}

/// The data map of the program itself.
pub const DATA_MAP: &[policy::Table] = &[FILES, LOG];
