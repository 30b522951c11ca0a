//! From the policy's text to HTML: headings, paragraphs, emphasis, and an anchor for each clause.

use std::fmt::Write;

/// The text with the five characters of HTML escaped.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The text as HTML. `clause` writes the mark of a clause such as `C6.2`.
pub fn html(text: &str, clause: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    for block in text.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let _ = match (block.strip_prefix("## "), block.strip_prefix("# ")) {
            (Some(heading), _) => {
                let number: String = heading.chars().take_while(char::is_ascii_digit).collect();
                writeln!(out, "<h2 id=\"s{number}\">{}</h2>", inline(heading, &clause))
            }
            (_, Some(heading)) => writeln!(out, "<h1>{}</h1>", inline(heading, &clause)),
            _ => writeln!(out, "<p>{}</p>", inline(block, &clause)),
        };
    }
    out
}

/// Emphasis in pairs, code, and marks; everything else is text.
fn inline(text: &str, clause: &impl Fn(&str) -> String) -> String {
    let marked = marks(&escaped(text), clause);
    let strong = pairs(&marked, "**", "strong");
    pairs(&pairs(&strong, "*", "em"), "`", "code")
}

/// Puts what stands between two signs into an element; a sign without a partner stays.
fn pairs(text: &str, sign: &str, element: &str) -> String {
    let parts: Vec<&str> = text.split(sign).collect();
    let whole = parts.len() - (parts.len() + 1) % 2;
    let mut out = String::with_capacity(text.len());
    for (at, part) in parts.iter().enumerate() {
        match at {
            at if at >= whole => {
                let _ = write!(out, "{sign}{part}");
            }
            at if at % 2 == 1 && part.is_empty() => out.push_str(&sign.repeat(2)),
            at if at % 2 == 1 => {
                let _ = write!(out, "<{element}>{part}</{element}>");
            }
            _ => out.push_str(part),
        }
    }
    out
}

fn marks(text: &str, clause: &impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[C") {
        let (id, next) = after.split_once(']').unwrap_or((after, ""));
        let is_id = !id.is_empty() && id.chars().all(|c| c.is_ascii_digit() || c == '.');
        out.push_str(before);
        if is_id {
            out.push_str(&clause(&format!("C{id}")));
            rest = next;
        } else {
            out.push_str("[C");
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_paragraphs_emphasis_and_clauses_become_html_and_nothing_else_does() {
        let text = "# A *b*\n\n## 12. Links\n\nOne **two** `three` <script> & [C1.2] [Cx] [not] ** four\nfive.";
        let html = html(text, |id| format!("<a id=\"{id}\"></a>"));
        assert_eq!(
            html,
            "<h1>A <em>b</em></h1>\n<h2 id=\"s12\">12. Links</h2>\n<p>One <strong>two</strong> <code>three</code> \
             &lt;script&gt; &amp; <a id=\"C1.2\"></a> [Cx] [not] ** four\nfive.</p>\n"
        );
    }
}
