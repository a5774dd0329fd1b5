//! The data of the application: people who sign up.
//!
//! The rules for a valid sign-up stand here once, so that the web form and the JSON API can never disagree about them.

use serde::{Deserialize, Serialize};

/// Longest name the table has room for, in characters.
pub(crate) const NAME_MAX: usize = 100;
/// Longest e-mail address that mail systems carry (RFC 5321).
pub(crate) const EMAIL_MAX: usize = 254;

/// One row of `polls_prospect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signup {
    pub(crate) id: i64,
    pub(crate) firstname: String,
    pub(crate) lastname: String,
    pub(crate) email: String,
}

impl Signup {
    /// The name as people say it.
    pub(crate) fn display_name(&self) -> String {
        format!("{} {}", self.firstname, self.lastname)
    }
}

/// A sign-up as it was typed, before any check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Draft {
    pub(crate) firstname: String,
    pub(crate) lastname: String,
    pub(crate) email: String,
}

/// Why one field was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) message: String,
}

impl Draft {
    /// The draft without surrounding blanks, or every reason why it cannot be stored.
    pub(crate) fn check(&self) -> Result<Self, Vec<FieldError>> {
        let clean = Self {
            firstname: self.firstname.trim().to_owned(),
            lastname: self.lastname.trim().to_owned(),
            email: self.email.trim().to_owned(),
        };
        let found = [
            ("firstname", name_problem(&clean.firstname)),
            ("lastname", name_problem(&clean.lastname)),
            ("email", email_problem(&clean.email)),
        ];
        let errors: Vec<_> = found
            .into_iter()
            .filter_map(|(field, problem)| Some(FieldError { field: field.to_owned(), message: problem? }))
            .collect();
        if errors.is_empty() { Ok(clean) } else { Err(errors) }
    }
}

fn name_problem(name: &str) -> Option<String> {
    if name.is_empty() {
        Some("is required".to_owned())
    } else if name.chars().count() > NAME_MAX {
        Some(format!("may have at most {NAME_MAX} characters"))
    } else if name.chars().any(char::is_control) {
        Some("may not contain control characters".to_owned())
    } else {
        None
    }
}

fn email_problem(email: &str) -> Option<String> {
    if email.is_empty() {
        return Some("is required".to_owned());
    }
    if email.len() > EMAIL_MAX {
        return Some(format!("may have at most {EMAIL_MAX} characters"));
    }
    let sound = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.contains('@')
            && domain.contains('.')
            && domain.split('.').all(|label| !label.is_empty())
            && !email.chars().any(|c| c.is_whitespace() || c.is_control())
    });
    (!sound).then(|| "must look like name@example.com".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(firstname: &str, lastname: &str, email: &str) -> Draft {
        Draft { firstname: firstname.into(), lastname: lastname.into(), email: email.into() }
    }

    #[test]
    fn a_sound_draft_is_trimmed() {
        let clean = draft(" Ada ", "Lovelace", " ada@example.com\n").check().unwrap();
        assert_eq!(clean, draft("Ada", "Lovelace", "ada@example.com"));
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let errors = draft("", &"x".repeat(NAME_MAX + 1), "nobody").check().unwrap_err();
        let fields: Vec<_> = errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["firstname", "lastname", "email"]);
    }

    #[test]
    fn names_are_counted_in_characters_not_bytes() {
        assert!(draft(&"é".repeat(NAME_MAX), "x", "a@b.de").check().is_ok());
    }

    #[test]
    fn addresses_that_cannot_be_mailed_are_refused() {
        for email in ["@b.de", "a@", "a@b", "a@b..de", "a b@c.de", "a@b@c.de", "a@.de", "a@b.de\u{0}"] {
            assert!(draft("A", "B", email).check().is_err(), "{email:?} was accepted");
        }
    }
}
