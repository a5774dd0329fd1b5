//! The pages as HTML: one document shape, one style sheet inside it, no script and nothing to load from elsewhere.

use std::fmt::{self, Display, Write};

use super::html::Esc;
use crate::model::{Draft, EMAIL_MAX, FieldError, NAME_MAX, Signup};
use crate::upstream::{AnsweredBy, Failure, SignupList};

const STYLE: &str = include_str!("style.css");
const LOGO: &str = include_str!("logo.svg");
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Ccircle cx='16' cy='16' r='12' \
    fill='none' stroke='%230d9488' stroke-width='5'/%3E%3Ccircle cx='16' cy='16' r='3' fill='%230d9488'/%3E%3C/svg%3E";
/// How many members the welcome page names.
const TEASER: usize = 8;

/// The part that every page has: which service answered, and which one wrote the page.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) origin: Origin<'a>,
    pub(super) instance: &'a str,
}

/// Where the data of a page comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin<'a> {
    /// The API was not asked.
    Nobody,
    /// This api-server answered.
    Api(&'a AnsweredBy),
    /// None did, for this reason.
    Failed(&'a str),
}

impl<'a> Origin<'a> {
    pub(super) fn of<T>(by: &'a AnsweredBy, outcome: &'a Result<T, Failure>) -> Self {
        match outcome {
            Err(Failure::Unavailable(reason)) if by.version.is_none() => Self::Failed(reason),
            _ => Self::Api(by),
        }
    }

    pub(super) fn api(self) -> Option<&'a AnsweredBy> {
        match self {
            Self::Api(by) => Some(by),
            Self::Nobody | Self::Failed(_) => None,
        }
    }
}

/// The form as it was sent, with its errors.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) draft: Draft,
    pub(super) errors: Vec<FieldError>,
    pub(super) note: Option<String>,
}

type Members = Result<SignupList, Failure>;

impl Page<'_> {
    pub(super) fn home(&self, entry: &Entry, members: &Members) -> String {
        self.document("Ride with us", "home", |out| {
            welcome(out, entry)?;
            out.write_str(
                "<section class=\"newest\" aria-labelledby=\"newest\"><h2 id=\"newest\">Newest members</h2>",
            )?;
            match members {
                Ok(list) if list.signups.is_empty() => nobody(out)?,
                Ok(list) => cards(out, &list.signups[..list.signups.len().min(TEASER)])?,
                Err(_) => trouble(out)?,
            }
            out.write_str("</section>")
        })
    }

    /// The form alone, after it was sent and not taken.
    pub(super) fn form_again(&self, entry: &Entry) -> String {
        let title = if entry.note.is_some() { "Not signed up yet" } else { "Please check your sign-up" };
        self.document(title, "home", |out| welcome(out, entry))
    }

    pub(super) fn list(&self, members: &Members, new: Option<i64>) -> String {
        self.document("Members", "signups", |out| {
            out.write_str("<div class=\"titled\"><h1>Members</h1>")?;
            if let Ok(list) = members {
                let shown = list.signups.len();
                match list.total {
                    Some(total) => write!(out, "<p class=\"count\"><strong>{shown}</strong> newest of <strong>{total}</strong></p>")?,
                    None => write!(out, "<p class=\"count\">the <strong>{shown}</strong> newest</p>")?,
                }
            }
            out.write_str("</div>")?;
            match members {
                Ok(list) => {
                    if let Some(made) = list.signups.iter().find(|s| Some(s.id) == new) {
                        let name = Esc(&made.firstname);
                        write!(out, "<p class=\"notice good\" role=\"status\">Welcome aboard, {name}! You are signed up.</p>")?;
                    }
                    if list.signups.is_empty() { nobody(out) } else { table(out, &list.signups, new) }
                }
                Err(_) => trouble(out),
            }
        })
    }

    pub(super) fn missing(&self) -> String {
        self.document("Not found", "", |out| {
            out.write_str("<div class=\"titled\"><h1>There is no such page</h1></div><p><a href=\"/\">Back to the start</a></p>")
        })
    }

    fn document(&self, title: &str, here: &str, main: impl FnOnce(&mut String) -> fmt::Result) -> String {
        let mut out = String::with_capacity(16 << 10);
        self.write_document(&mut out, title, here, main).expect("a String takes all text");
        out
    }

    fn write_document(
        &self,
        out: &mut String,
        title: &str,
        here: &str,
        main: impl FnOnce(&mut String) -> fmt::Result,
    ) -> fmt::Result {
        let title = Esc(title);
        write!(
            out,
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\"><title>{title} · FitCycle</title>\
             <link rel=\"icon\" href=\"{ICON}\"><style>{STYLE}</style></head><body>\
             <a class=\"skip\" href=\"#main\">Skip to the content</a>\
             <header><div class=\"bar\"><a class=\"brand\" href=\"/\">{LOGO}<span>FitCycle</span></a><nav aria-label=\"Pages\">"
        )?;
        for (href, id, label) in [("/", "home", "Join"), ("/signups", "signups", "Members")] {
            let current = if id == here { " aria-current=\"page\"" } else { "" };
            write!(out, "<a href=\"{href}\"{current}>{label}</a>")?;
        }
        out.write_str("</nav></div></header><main id=\"main\">")?;
        main(out)?;
        out.write_str("</main><footer><div class=\"bar\">")?;
        self.origin(out)?;
        writeln!(out, "<p>Page by <code>{}</code></p></div></footer></body></html>", Esc(self.instance))
    }

    /// Which api-server answered, so that a canary can be watched by reloading.
    fn origin(&self, out: &mut String) -> fmt::Result {
        let by = match self.origin {
            Origin::Nobody => return out.write_str("<p>No data was needed</p>"),
            Origin::Failed(reason) => {
                let reason = Esc(reason);
                return write!(out, "<p><span class=\"badge none\">no data</span> <code>{reason}</code></p>");
            }
            Origin::Api(by) => by,
        };
        let Some(version) = &by.version else {
            return out.write_str("<p>Data by an api-server that does not say its version</p>");
        };
        let class = if version == "v2" { "v2" } else { "v1" };
        write!(out, "<p>Data by api-server <span class=\"badge {class}\">{}</span>", Esc(version))?;
        if let Some(instance) = &by.instance {
            write!(out, " <code>{}</code>", Esc(instance))?;
        }
        out.write_str("</p>")
    }
}

fn welcome(out: &mut String, entry: &Entry) -> fmt::Result {
    out.write_str(
        "<div class=\"hero\"><div class=\"pitch\"><h1>Find your rhythm.<br>Ride it every day.</h1>\
         <p>Indoor rides, outdoor routes and a crew that notices when you skip a Tuesday. \
         Leave your name and we will keep a bike warm for you.</p>\
         <ul><li>45-minute rides, six times a day</li><li>Your first month is on us</li><li>No contract, stop when you like</li></ul></div>\
         <section class=\"card\" aria-labelledby=\"join\"><h2 id=\"join\">Join FitCycle</h2>",
    )?;
    if let Some(note) = &entry.note {
        write!(out, "<p class=\"notice bad\" role=\"alert\">{}</p>", Esc(note))?;
    } else if !entry.errors.is_empty() {
        out.write_str(
            "<p class=\"notice bad\" role=\"alert\">Almost there. Please look at the marked fields.</p>",
        )?;
    }
    out.write_str("<form method=\"post\" action=\"/\">")?;
    let draft = &entry.draft;
    out.write_str("<div class=\"pair\">")?;
    field(out, entry, "firstname", "First name", "text", "given-name", NAME_MAX, &draft.firstname)?;
    field(out, entry, "lastname", "Last name", "text", "family-name", NAME_MAX, &draft.lastname)?;
    out.write_str("</div>")?;
    field(out, entry, "email", "E-mail", "email", "email", EMAIL_MAX, &draft.email)?;
    out.write_str("<button>Sign me up</button><p class=\"small\">We write once a week at most.</p></form></section></div>")
}

#[expect(
    clippy::too_many_arguments,
    reason = "one line per field reads best when all its attributes stand side by side"
)]
fn field(
    out: &mut String,
    entry: &Entry,
    name: &str,
    label: &str,
    kind: &str,
    autocomplete: &str,
    longest: usize,
    value: &str,
) -> fmt::Result {
    let error = entry.errors.iter().find(|error| error.field == name);
    let marks = if error.is_some() {
        format!(" aria-invalid=\"true\" aria-describedby=\"{name}-error\"")
    } else {
        String::new()
    };
    write!(
        out,
        "<div class=\"field\"><label for=\"{name}\">{label}</label><input id=\"{name}\" name=\"{name}\" type=\"{kind}\" \
         autocomplete=\"{autocomplete}\" maxlength=\"{longest}\" value=\"{}\" required{marks}>",
        Esc(value)
    )?;
    if let Some(error) = error {
        write!(out, "<p class=\"error\" id=\"{name}-error\">{label} {}.</p>", Esc(&error.message))?;
    }
    out.write_str("</div>")
}

fn cards(out: &mut String, signups: &[Signup]) -> fmt::Result {
    out.write_str("<ul class=\"cards\">")?;
    for signup in signups {
        let name = signup.display_name();
        write!(out, "<li>{}<span>{}</span></li>", Avatar(signup), Esc(&name))?;
    }
    out.write_str("</ul><p><a href=\"/signups\">See all members</a></p>")
}

fn table(out: &mut String, signups: &[Signup], new: Option<i64>) -> fmt::Result {
    out.write_str(
        "<div class=\"card flush\"><table><thead><tr><th scope=\"col\">Member</th><th scope=\"col\">E-mail</th>\
         <th scope=\"col\" class=\"number\">No.</th></tr></thead><tbody>",
    )?;
    for signup in signups {
        let class = if Some(signup.id) == new { " class=\"fresh\"" } else { "" };
        let name = signup.display_name();
        write!(
            out,
            "<tr{class}><td><div class=\"member\">{}<span>{}</span></div></td><td>{}</td><td class=\"number\">{}</td></tr>",
            Avatar(signup),
            Esc(&name),
            Esc(&signup.email),
            signup.id
        )?;
    }
    out.write_str("</tbody></table></div>")
}

fn nobody(out: &mut String) -> fmt::Result {
    out.write_str("<p class=\"empty\">Nobody yet. <a href=\"/\">Be the first to join.</a></p>")
}

fn trouble(out: &mut String) -> fmt::Result {
    out.write_str("<p class=\"notice bad\" role=\"alert\">The member list cannot be shown right now. Please try again.</p>")
}

/// The initials of a member on a colour of their own.
struct Avatar<'a>(&'a Signup);

impl Display for Avatar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first =
            |text: &str| text.chars().next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
        let tint = self.0.id.rem_euclid(8);
        let (a, b) = (first(&self.0.firstname), first(&self.0.lastname));
        write!(f, "<span class=\"avatar t{tint}\" aria-hidden=\"true\">{}{}</span>", Esc(&a), Esc(&b))
    }
}
