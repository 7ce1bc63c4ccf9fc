//! Secrets by reference: the configuration names where they are, never what they are.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::reader::{Reader, Section};

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// In an environment variable of this name.
    Env(String),
    /// The content of this file, without white space at its ends.
    File(PathBuf),
    /// Here, in a configuration that the program made for itself. No file can say so.
    Held(Held),
}

/// A secret that is here.
#[derive(Clone, Debug)]
pub(crate) struct Held(pub(crate) SecretString);

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for Held {}

/// A secret is not where the configuration says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("the environment variable {0} is not set; set it to the {1}")]
    NoVariable(String, &'static str),
    #[error("the {what} can't be read from {}", path.display())]
    NoFile { path: PathBuf, what: &'static str, source: std::io::Error },
    #[error("{0} holds nothing where the {1} is expected")]
    Empty(String, &'static str),
}

impl Secret {
    /// Reads it now. `what` is what messages call it.
    pub(crate) fn read(&self, what: &'static str) -> Result<SecretString, SecretError> {
        let text = match self {
            Self::Held(held) => held.0.expose_secret().to_owned(),
            Self::Env(name) => {
                std::env::var(name).map_err(|_| SecretError::NoVariable(name.clone(), what))?
            }
            Self::File(path) => std::fs::read_to_string(path).map_err(|source| SecretError::NoFile {
                path: path.clone(),
                what,
                source,
            })?,
        };
        let text = text.trim();
        if text.is_empty() {
            let place = match self {
                Self::Held(_) => "the configuration".to_owned(),
                Self::Env(name) => format!("the environment variable {name}"),
                Self::File(path) => path.display().to_string(),
            };
            return Err(SecretError::Empty(place, what));
        }
        Ok(text.to_owned().into())
    }
}

/// Reads `<name>_env` or `<name>_file`; both at once are one too many.
pub(super) fn secret(
    reader: &mut Reader<'_>,
    section: &mut Section<'_, '_>,
    env_key: &'static str,
    file_key: &'static str,
) -> Option<Secret> {
    let env = section.text(reader, env_key);
    let file = section.text(reader, file_key);
    match (env, file) {
        (Some(_), Some(file)) => {
            let help = format!("keep either `{env_key}` or `{file_key}`");
            reader.problem(file.span(), "the same secret is named twice", Some(help));
            None
        }
        (Some(env), None) => {
            let name = env.get_ref();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                let help = "write the variable's name (letters, digits, underscores), not the secret itself";
                let message = format!("`{env_key}` is not the name of an environment variable");
                reader.problem(env.span(), message, Some(help.to_owned()));
                return None;
            }
            Some(Secret::Env(env.into_inner()))
        }
        (None, Some(file)) => Some(Secret::File(reader.dir().join(file.get_ref()))),
        (None, None) => None,
    }
}

/// As [`secret`], and a problem when it is missing.
pub(super) fn required_secret(
    reader: &mut Reader<'_>,
    section: &mut Section<'_, '_>,
    env_key: &'static str,
    file_key: &'static str,
    help: &str,
) -> Option<Secret> {
    if !section.has(env_key) && !section.has(file_key) {
        let name = env_key.trim_end_matches("_env");
        // The plain key gets a message of its own, which says all this and more.
        if !section.has(name) {
            let message = format!("`{env_key}` or `{file_key}` is missing in {}", section.name());
            reader.problem(section.at(), message, Some(help.to_owned()));
        }
    }
    secret(reader, section, env_key, file_key)
}
