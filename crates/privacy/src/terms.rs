//! What the words of the policy mean, for people who do not speak of law or of computers every day.

use policy::Language;

/// A word and its meaning, in English and in German.
type Term = [&'static str; 4];

const TERMS: [Term; 13] = [
    [
        "account",
        "What you sign in to. It belongs to one person.",
        "Konto",
        "Das, womit Sie sich anmelden. Es gehört einem Menschen.",
    ],
    [
        "clause",
        "One promise of this policy, with a number by which you can ask about it.",
        "Klausel",
        "Ein Versprechen dieser Erklärung, mit einer Nummer, unter der Sie danach fragen können.",
    ],
    [
        "consent",
        "A yes to one use, asked for by itself. You can take it back at any time, and nothing else changes.",
        "Einwilligung",
        "Ein Ja zu einer Nutzung, nach dem einzeln gefragt wird. Sie können es jederzeit zurücknehmen, ohne dass sich sonst etwas ändert.",
    ],
    [
        "contract",
        "What you signed up for: without this data the service could not do what you ask of it.",
        "Vertrag",
        "Wofür Sie sich angemeldet haben: Ohne diese Daten könnte der Dienst nicht tun, worum Sie ihn bitten.",
    ],
    [
        "cookie",
        "A small text that a site lets your browser keep and send back.",
        "Cookie",
        "Ein kleiner Text, den eine Seite Ihren Browser behalten und zurückschicken lässt.",
    ],
    [
        "encrypted",
        "Written so that it can be read with its key alone. When the key is destroyed, nobody can read it any more.",
        "verschlüsselt",
        "So geschrieben, dass man es nur mit dem Schlüssel lesen kann. Ist der Schlüssel vernichtet, kann es niemand mehr lesen.",
    ],
    [
        "hash",
        "A fingerprint of data. It shows whether something is the same and cannot be turned back into the data.",
        "Hash",
        "Ein Fingerabdruck von Daten. Er zeigt, ob etwas dasselbe ist, und lässt sich nicht zurückrechnen.",
    ],
    [
        "household",
        "People and cameras that belong together, with an owner who decides who sees what.",
        "Haushalt",
        "Menschen und Kameras, die zusammengehören, mit jemandem, der entscheidet, wer was sieht.",
    ],
    [
        "installation",
        "One Nightjar server with all its addresses and apps.",
        "Installation",
        "Ein Nightjar-Server mit allen seinen Adressen und Anwendungen.",
    ],
    [
        "key",
        "A random number with which data is encrypted and read again.",
        "Schlüssel",
        "Eine Zufallszahl, mit der Daten verschlüsselt und wieder gelesen werden.",
    ],
    [
        "legal obligation",
        "A law demands it of whoever runs the server.",
        "rechtliche Verpflichtung",
        "Ein Gesetz verlangt es von dem, der den Server betreibt.",
    ],
    [
        "legitimate interest",
        "A good reason of somebody, such as safety, that was weighed against yours. You can object to it.",
        "berechtigtes Interesse",
        "Ein guter Grund von jemandem, etwa Sicherheit, der gegen Ihre Gründe abgewogen wurde. Sie können widersprechen.",
    ],
    [
        "operator",
        "Whoever runs the server and answers for it: often you yourself.",
        "Betreiber",
        "Wer den Server betreibt und dafür einsteht: oft Sie selbst.",
    ],
];

/// Each word with its meaning.
pub fn of(language: Language) -> impl Iterator<Item = (&'static str, &'static str)> {
    TERMS.iter().map(move |[english, meaning, german, bedeutung]| match language {
        Language::English => (*english, *meaning),
        Language::German => (*german, *bedeutung),
    })
}
