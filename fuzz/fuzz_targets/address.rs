//! Addresses and names that people type: what is taken is one line without deceptions, and is taken as it is a second time.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(address) = accounts::address(text) {
        assert!(address.len() <= 254 && address.matches('@').count() == 1);
        assert!(!address.chars().any(|c| accounts::is_deceptive(c) || c.is_whitespace()));
        assert_eq!(accounts::address(&address).expect("it was taken"), address);
    }
    if let Ok(name) = accounts::name(text, "name") {
        assert!(!name.is_empty() && name.chars().count() <= accounts::LONGEST_NAME);
        assert!(!name.chars().any(accounts::is_deceptive));
        assert_eq!(accounts::name(&name, "name").expect("it was taken"), name);
    }
    if connect::Address::parse(text).is_ok() {
        assert!(text.len() <= 1016 && !text.chars().any(|c| c.is_control() || c.is_whitespace()));
    }
});
