//! What a browser does with plain pages: follows redirects, keeps cookies, sends forms.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use crate::error::CliError;

/// Redirects that are followed.
const HOPS: usize = 10;

/// A browser. A clone has the same cookies and its own from then on.
#[derive(Clone)]
pub(super) struct Browser {
    http: reqwest::Client,
    /// By host, as browsers keep them: ports don't tell apart.
    cookies: BTreeMap<(String, String), String>,
    /// Every address that was visited.
    pub(super) trail: Vec<Url>,
}

/// What came back.
pub(super) struct Page {
    pub(super) url: Url,
    pub(super) status: u16,
    body: String,
}

impl Browser {
    /// One without cookies.
    ///
    /// # Errors
    /// When there can be no client.
    pub(super) fn new() -> Result<Self, CliError> {
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let http = builder.timeout(Duration::from_secs(30)).build().map_err(CliError::new)?;
        Ok(Self { http, cookies: BTreeMap::new(), trail: Vec::new() })
    }

    /// Goes to an address.
    ///
    /// # Errors
    /// When nobody answers.
    pub(super) async fn visit(&mut self, url: &str) -> Result<Page, CliError> {
        let url = Url::parse(url).map_err(CliError::new)?;
        let request = self.http.get(url.clone());
        self.follow(url, request).await
    }

    /// Presses a button of a page's form.
    ///
    /// # Errors
    /// When nobody answers.
    pub(super) async fn press(&mut self, page: &Page, chosen: &[(&str, &str)]) -> Result<Page, CliError> {
        let mut fields = page.hidden();
        fields.extend(chosen.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let request = self.http.post(page.url.clone()).header("sec-fetch-site", "same-origin").form(&fields);
        self.follow(page.url.clone(), request).await
    }

    async fn follow(&mut self, url: Url, request: reqwest::RequestBuilder) -> Result<Page, CliError> {
        let (mut url, mut request) = (url, request);
        for _ in 0..HOPS {
            self.trail.push(url.clone());
            let answer = request.header("cookie", self.cookies_for(&url)).send().await;
            let answer = answer.map_err(|error| CliError::new(error.without_url()))?;
            self.keep_cookies(&url, &answer);
            let next = answer.headers().get("location").and_then(|value| value.to_str().ok());
            let next = next.filter(|_| answer.status().is_redirection()).map(|next| url.join(next));
            match next {
                None => {
                    let status = answer.status().as_u16();
                    let body = answer.text().await.map_err(|error| CliError::new(error.without_url()))?;
                    return Ok(Page { url, status, body });
                }
                Some(next) => {
                    url = next.map_err(CliError::new)?;
                    request = self.http.get(url.clone());
                }
            }
        }
        Err(CliError::text("a page leads to others without end"))
    }

    fn cookies_for(&self, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        let own = self.cookies.iter().filter(|((of, _), _)| of == host);
        own.map(|((_, name), value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep_cookies(&mut self, url: &Url, answer: &reqwest::Response) {
        let host = url.host_str().unwrap_or_default().to_owned();
        for cookie in answer.headers().get_all("set-cookie") {
            let text = cookie.to_str().unwrap_or_default();
            let first = text.split(';').next().unwrap_or_default();
            let Some((name, value)) = first.split_once('=') else { continue };
            let key = (host.clone(), name.trim().to_owned());
            if value.is_empty() || text.to_ascii_lowercase().contains("max-age=0") {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
    }
}

impl Page {
    /// The names and values of a form's hidden fields.
    fn hidden(&self) -> Vec<(String, String)> {
        let inputs = self.body.split("<input ").skip(1).filter_map(|rest| rest.split('>').next());
        let hidden = inputs.filter(|input| input.contains("type=\"hidden\""));
        hidden.filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?))).collect()
    }

    /// The first choice of a list, which a browser preselects.
    pub(super) fn first_option(&self) -> Option<String> {
        attribute(self.body.split("<option ").nth(1)?.split('>').next()?, "value")
    }

    /// What the page is called.
    pub(super) fn title(&self) -> String {
        let title = self.body.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
        plain(title.map(|(title, _)| title).unwrap_or_default())
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| plain(value))
}

/// Text of a page as people see it.
fn plain(html: &str) -> String {
    let text = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    text.replace("&#x27;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_of_a_page_is_read_as_people_see_it() {
        let body = "<title>Allow &amp; go?</title><form><input type=\"hidden\" name=\"state\" value=\"a&amp;b&quot;\">\
                    <input type=\"text\" name=\"x\" value=\"y\"><select><option value=\"7\">Ann</option>\
                    <option value=\"8\">Bob</option></select></form>";
        let page = Page { url: Url::parse("http://127.0.0.1/").unwrap(), status: 200, body: body.to_owned() };
        assert_eq!(page.hidden(), [("state".to_owned(), "a&b\"".to_owned())]);
        assert_eq!(page.first_option().as_deref(), Some("7"));
        assert_eq!(page.title(), "Allow & go?");
    }
}
