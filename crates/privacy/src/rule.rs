//! What no entry of the data map may say, whatever it is for. A program whose map breaks a rule does not start.

use policy::{Category, Label, LawfulBasis, Personal, SubjectKind, Table, Terms, enforce};

/// What is wrong with a data map, as sentences. Empty: it keeps the rules.
pub fn faults(map: &[Table]) -> Vec<String> {
    let mut faults = Vec::new();
    for table in map {
        for entry in table.columns {
            let Label::Personal(personal) = &entry.label else { continue };
            let broken = [to_others(personal), faces(personal)];
            faults.extend(broken.into_iter().flatten().map(|fault| format!("{}.{} {fault}", table.name, entry.name)));
        }
    }
    faults
}

/// Nobody receives data for gain, or for advertising of their own.
fn to_others(personal: &Personal) -> Option<&'static str> {
    let any = |terms| personal.recipients.iter().any(|recipient| recipient.terms() == terms);
    if any(Terms::ForGain) && enforce!(C2_0_1) {
        return Some("goes to somebody for gain");
    }
    (any(Terms::ForTheirAdvertising) && enforce!(C3_11)).then_some("goes to somebody for their own advertising")
}

/// What recognises a face is about the person who is shown, and used with that person's consent alone.
fn faces(personal: &Personal) -> Option<&'static str> {
    let consented = personal.subject == SubjectKind::PersonInView
        && personal.purposes.iter().all(|(_, basis)| *basis == LawfulBasis::Consent);
    (personal.category == Category::Face && !consented && enforce!(C1_1_9))
        .then_some("recognises a face without the consent of the person who is shown")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map with one entry.
    macro_rules! entry {
        ($category:ident, $subject:ident, $basis:ident, [$($recipient:ident),*]) => {{
            policy::personal! {
                table sightings {
                    what: {
                        category: $category, subject: $subject, purposes: [Watch: $basis], retention: Days(1),
                        recipients: [$($recipient),*], protection: AccountKey, export: Include, erase: Delete,
                        clauses: [C6_2],
                    },
                }
            }
            MAP
        }};
    }

    #[test]
    fn nobody_receives_data_for_gain() {
        policy::prove!(C2_0_1);
        let sold = entry!(HomeVideo, PersonInView, Contract, [Household, Buyer]);
        assert_eq!(faults(&[sold]), ["sightings.what goes to somebody for gain"]);
        assert_eq!(faults(&[entry!(Email, Addressee, Contract, [Household, Camera, MailServer])]), [""; 0]);
    }

    #[test]
    fn consent_does_not_make_advertising_of_others_a_use() {
        policy::prove!(C3_11);
        let shared = entry!(Email, AccountHolder, Consent, [Advertiser]);
        assert_eq!(faults(&[shared]), ["sightings.what goes to somebody for their own advertising"]);
    }

    #[test]
    fn a_face_has_no_place_without_the_consent_of_who_is_shown() {
        policy::prove!(C1_1_9);
        let without = "sightings.what recognises a face without the consent of the person who is shown";
        assert_eq!(faults(&[entry!(Face, PersonInView, LegitimateInterest, [])]), [without]);
        assert_eq!(
            faults(&[entry!(Face, AccountHolder, Consent, [])]),
            [without],
            "the owner cannot consent for others"
        );
        assert_eq!(faults(&[entry!(Face, PersonInView, Consent, [])]), [""; 0]);
    }
}
