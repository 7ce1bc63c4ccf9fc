//! The page that asks a user, and the one that turns the browser away.

use super::Asked;
use crate::wire::{Answer, HTML};

/// A consent page.
pub(crate) struct Page<'a> {
    /// Whose page it is: `Salesforce`, `HubSpot`.
    pub(crate) provider: &'a str,
    /// What the user grants access to, by name or number.
    pub(crate) account: &'a str,
    /// Who may consent: value and what people see.
    pub(crate) users: &'a [(String, String)],
    /// What the app asks for.
    pub(crate) scopes: &'a [String],
}

impl Page<'_> {
    /// The form leads to where it came from and carries everything that was asked.
    pub(crate) fn answer(&self, asked: &Asked) -> Answer {
        let title = format!("Allow access to {} {}?", self.provider, self.account);
        let mut form = String::from("<form method=\"post\" action=\"\">\n");
        let mut fields: Vec<_> = asked.fields.iter().collect();
        fields.sort();
        for (name, value) in fields {
            form +=
                &format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escape(name), escape(value));
        }
        form += "<label>User <select name=\"user\">\n";
        for (value, shown) in self.users {
            form += &format!("<option value=\"{}\">{}</option>\n", escape(value), escape(shown));
        }
        form += "</select></label>\n<ul>\n";
        for scope in self.scopes {
            form += &format!("<li>{}</li>\n", escape(scope));
        }
        form += "</ul>\n<button name=\"decision\" value=\"allow\">Allow</button>\n\
                 <button name=\"decision\" value=\"deny\">Deny</button>\n</form>\n";
        html(200, &title, &form)
    }
}

/// What is shown instead of a redirect, because the app can't be trusted with one.
pub(crate) fn refusal(reason: &str) -> Answer {
    html(400, "The app can't be connected", &format!("<p>{}</p>\n", escape(reason)))
}

fn html(status: u16, title: &str, body: &str) -> Answer {
    let title = escape(title);
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body><h1>{title}</h1>\n{body}</body></html>\n"
    );
    let mut answer = Answer::bytes(status, HTML, page.into_bytes());
    answer.headers.insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    answer
}

/// Text between tags and within quotes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_browser_brings_stays_text() {
        assert_eq!(escape("<a href='x'>\"&"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
    }
}
