//! What is read from migrations, and what is written for a change of the YAML.
