//! What the browser keeps for us.

policy::personal! {
    COOKIES: cookies "browser" {
        "__Host-session": {
            category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Session, protection: Clear, export: Omit("a secret that lets its bearer in"), erase: Delete,
            clauses: [C4_2, C6_2],
        },
        "__Host-known": {
            category: Credential, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Days(400), protection: Clear, export: Omit("a secret of the browser"), erase: Delete,
            clauses: [C4_2, C6_2, C9_1_5],
        },
        "__Host-away": {
            category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Minutes(5), protection: Clear, export: Omit("a secret of the browser"), erase: Delete,
            clauses: [C1_1_6, C4_2, C6_2],
        },
    }
}

policy::personal! {
    STORAGE: web_storage "browser" {
        "nightjar.language": not_personal("the language of the pages before signing in, on this device"),
        "nightjar.next": not_personal("the page to go on to after another service signed one in, in this tab alone"),
        "nightjar.theme": not_personal("dark or light, on this device"),
        "nightjar.columns": not_personal("how many pictures stand beside each other, on this device"),
        "nightjar.invitation": {
            category: Credential, subject: ThirdPerson, purposes: [Account: Contract], source: Given,
            retention: Session, protection: Clear, export: Omit("it lies in this tab alone, until it is used"),
            erase: Delete, clauses: [C1_1_8],
        },
        "nightjar.keys": not_personal("whether single keys are shortcuts, on this device"),
        "cache of the app": not_personal("the app itself: the same files for everybody, never footage"),
    }
}

/// The data map of the browser's side: cookies and storage. Nothing of it is sent anywhere but to this server.
pub const DATA_MAP: &[policy::Table] = &[COOKIES, STORAGE];
