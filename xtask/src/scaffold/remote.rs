//! What an object of a CRM is made of, asked of a live account or of the simulated one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value as Json;

use crate::codegen::names::near_miss;
use crate::process;

/// The objects that every HubSpot account has, in the plural that its addresses use.
const HUBSPOT: [&str; 8] =
    ["contacts", "companies", "deals", "tickets", "products", "line_items", "quotes", "owners"];

/// A field of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// The provider's name.
    pub(super) name: String,
    /// What people call it.
    pub(super) label: String,
    /// What it holds, as `entity.yaml` spells it.
    pub(super) kind: &'static str,
    /// The objects that it refers to.
    pub(super) refers_to: Vec<String>,
    /// Whether it is what a record is called by.
    pub(super) is_name: bool,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// The provider's name, spelt as there.
    pub(super) name: String,
    /// What people call one of them.
    pub(super) label: String,
    pub(super) fields: Vec<Field>,
}

/// An account to ask.
pub(super) struct Account {
    url: String,
    token: String,
    /// Ends the simulated CRM when it is dropped.
    _sandbox: Option<Sandbox>,
}

struct Sandbox {
    child: Child,
    _input: ChildStdin,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // An error means that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Account {
    /// A live one.
    ///
    /// # Errors
    /// When the variable holds no token.
    pub(super) fn live(url: &str, token_env: &str) -> Result<Self> {
        let token = std::env::var(token_env).ok().filter(|token| !token.is_empty());
        let token = token.with_context(|| {
            format!("the environment variable {token_env} is empty; put an access token of the account there")
        })?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), token, _sandbox: None })
    }

    /// The simulated one, started for this.
    ///
    /// # Errors
    /// When it can't be built or started.
    pub(super) fn sandbox(mut cargo: Command, provider: &str) -> Result<Self> {
        cargo.args(["run", "--quiet", "--package", "crm-sandbox", "--example", "serve", "--", provider]);
        let mut child = cargo
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the simulated CRM with cargo")?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the simulated CRM has no input or output");
        };
        let sandbox = Sandbox { child, _input: input };
        let mut lines = BufReader::new(output).lines();
        let mut line = || -> Result<String> {
            let line = lines.next().context("the simulated CRM ended before it served")??;
            Ok(line.trim().to_owned())
        };
        Ok(Self { url: line()?, token: line()?, _sandbox: Some(sandbox) })
    }

    /// Asks for a document; `None` where there is none.
    fn get(&self, path: &str) -> Result<Option<Json>> {
        if !process::on_path("curl") {
            bail!("this needs `curl`, which is not on the PATH");
        }
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code}"]);
        // The token goes over standard input, where no list of processes shows it.
        command.args(["--config", "-"]).arg(format!("{}{path}", self.url));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("starting curl")?;
        if let Some(mut input) = child.stdin.take() {
            writeln!(input, "header = \"Authorization: Bearer {}\"", self.token)?;
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("{} can't be reached: {}", self.url, String::from_utf8_lossy(&output.stderr).trim());
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let (body, status) = text.rsplit_once('\n').unwrap_or((&text, ""));
        match status.trim() {
            "200" => Ok(Some(serde_json::from_str(body).with_context(|| format!("{path} is no JSON"))?)),
            "404" | "400" => Ok(None),
            "401" | "403" => {
                bail!("{} refuses the token for {path} ({status}); does it have the rights?", self.url)
            }
            _ => bail!("{} answers {path} with {status}", self.url),
        }
    }

    /// What an object is made of.
    ///
    /// # Errors
    /// When there is none of this name, with the nearest one.
    pub(super) fn describe(&self, provider: &str, object: &str) -> Result<Object> {
        match provider {
            "salesforce" => self.salesforce(object),
            "hubspot" => self.hubspot(object),
            other => bail!("what objects of `{other}` are made of can't be asked; leave `--from` out"),
        }
    }

    fn salesforce(&self, object: &str) -> Result<Object> {
        const BASE: &str = "/services/data/v66.0/sobjects";
        let known = self.get(BASE)?.unwrap_or_default();
        let known: Vec<_> = texts(&known["sobjects"], "name").collect();
        let spelt = spelt("salesforce", object, &known)?;
        let described = self.get(&format!("{BASE}/{spelt}/describe"))?;
        Ok(salesforce(&described.with_context(|| format!("{spelt} can't be described"))?))
    }

    fn hubspot(&self, object: &str) -> Result<Object> {
        let schemas = self.get("/crm-object-schemas/v3/schemas").ok().flatten().unwrap_or_default();
        let mut known: Vec<String> = HUBSPOT.map(str::to_owned).to_vec();
        known.extend(texts(&schemas["results"], "name"));
        let spelt = spelt("hubspot", object, &known)?;
        if spelt == "owners" {
            bail!("what owners are made of can't be asked; leave `--from` out and write the mapping");
        }
        let is_custom = !HUBSPOT.contains(&spelt.as_str());
        let described = self.get(&format!("/crm/v3/properties/{spelt}"))?;
        let described = described.with_context(|| format!("{spelt} can't be described"))?;
        let schema =
            schemas["results"].as_array().and_then(|all| all.iter().find(|one| one["name"] == *spelt));
        let name = schema.and_then(|schema| schema["primaryDisplayProperty"].as_str());
        Ok(hubspot(&spelt, is_custom, name, &described))
    }
}

fn texts<'a>(list: &'a Json, key: &'a str) -> impl Iterator<Item = String> + 'a {
    list.as_array().into_iter().flatten().filter_map(move |one| one[key].as_str()).map(str::to_owned)
}

/// The object's name as the provider spells it.
fn spelt(provider: &str, object: &str, known: &[String]) -> Result<String> {
    if let Some(found) = known.iter().find(|name| name.eq_ignore_ascii_case(object)) {
        return Ok(found.clone());
    }
    let hint = near_miss(object, known.iter().map(String::as_str))
        .map(|near| format!("; did you mean `{provider}:{near}`?"))
        .unwrap_or_default();
    bail!("{provider} has no object `{object}`{hint}")
}

/// An object as Salesforce describes it: without what every object has, and without what customers added to a
/// standard one, which is kept as custom fields.
pub(super) fn salesforce(described: &Json) -> Object {
    const SYSTEM: [&str; 12] = [
        "Id",
        "IsDeleted",
        "MasterRecordId",
        "CreatedDate",
        "CreatedById",
        "LastModifiedDate",
        "LastModifiedById",
        "SystemModstamp",
        "LastActivityDate",
        "LastViewedDate",
        "LastReferencedDate",
        "PhotoUrl",
    ];
    let text = |json: &Json, key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let is_custom = described["custom"].as_bool().unwrap_or(false);
    let fields = described["fields"].as_array().into_iter().flatten();
    let fields = fields.filter_map(|field| {
        let name = text(field, "name");
        let kind = match field["type"].as_str()? {
            "boolean" => "bool",
            "int" | "long" => "int",
            "double" | "currency" | "percent" => "decimal",
            "date" => "date",
            "datetime" => "instant",
            "anyType" | "json" => "json",
            // Compounds come as their parts; files are no fields.
            "address" | "location" | "base64" | "complexvalue" => return None,
            _ => "text",
        };
        let is_extra = field["custom"].as_bool().unwrap_or(false) && !is_custom;
        let is_hidden = field["deprecatedAndHidden"].as_bool().unwrap_or(false);
        (!SYSTEM.contains(&name.as_str()) && !is_extra && !is_hidden).then(|| Field {
            label: text(field, "label"),
            kind,
            refers_to: field["referenceTo"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .map(str::to_owned)
                .collect(),
            is_name: field["nameField"].as_bool().unwrap_or(false),
            name,
        })
    });
    Object { name: text(described, "name"), label: text(described, "label"), fields: fields.collect() }
}

/// An object as HubSpot describes it: what people fill in, and of a standard one without what customers added.
pub(super) fn hubspot(object: &str, is_custom: bool, display: Option<&str>, described: &Json) -> Object {
    let usual = ["name", "subject", "dealname", "hs_title"];
    let text = |json: &Json, key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let properties = described["results"].as_array().into_iter().flatten();
    let fields = properties.filter_map(|property| {
        let name = text(property, "name");
        let flag = |key: &str| property[key].as_bool().unwrap_or(false);
        let is_theirs = flag("hubspotDefined");
        let is_read_only = property["modificationMetadata"]["readOnlyValue"].as_bool().unwrap_or(false);
        if flag("hidden") || flag("calculated") || is_read_only || (!is_theirs && !is_custom) {
            return None;
        }
        let refers_to = match property["referencedObjectType"].as_str() {
            Some("OWNER") => vec!["owners".to_owned()],
            _ => Vec::new(),
        };
        Some(Field {
            label: text(property, "label"),
            kind: match property["type"].as_str()? {
                "number" => "decimal",
                "bool" => "bool",
                "date" => "date",
                "datetime" => "instant",
                "json" => "json",
                _ => "text",
            },
            is_name: display.map_or_else(|| usual.contains(&name.as_str()), |display| display == name),
            refers_to,
            name,
        })
    });
    let label = object.trim_end_matches('s').replace('_', " ");
    Object { name: object.to_owned(), label, fields: fields.collect() }
}
