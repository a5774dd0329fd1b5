//! [`CorsPolicy`].

use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::pattern::StringMatch;

const TRUE: HeaderValue = HeaderValue::from_static("true");

/// Which pages of other origins may read the answers of a rule; by default none.
///
/// ```
/// use http::{HeaderMap, Method};
/// use mesh_core::cors::{CorsPolicy, Verdict};
/// use mesh_core::route::StringMatch;
///
/// let policy = CorsPolicy::new([StringMatch::exact("https://shop.test")]).methods(["GET", "PUT"])?;
/// let mut headers = HeaderMap::new();
/// headers.insert("origin", "https://shop.test".parse().unwrap());
/// assert!(matches!(policy.judge(&Method::GET, &headers), Verdict::Grant(_)));
/// headers.insert("access-control-request-method", "PUT".parse().unwrap());
/// let Verdict::Answer(answer) = policy.judge(&Method::OPTIONS, &headers) else { panic!() };
/// assert_eq!(answer["access-control-allow-methods"], "GET,PUT");
/// # Ok::<_, mesh_core::cors::CorsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsPolicy {
    origins: Box<[StringMatch]>,
    methods: Allowed,
    headers: Allowed,
    expose: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
    credentials: bool,
    unmatched: Unmatched,
}

/// The treatment of a preflight from an origin that isn't allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unmatched {
    /// It goes to the service, which may know better.
    #[default]
    Forward,
    /// It is answered here, without permission: the browser refuses.
    Ignore,
}

/// The answer to a preflight about methods or headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Allowed {
    /// Nothing.
    #[default]
    Unsaid,
    /// That all it asks for is allowed: a lone `*`.
    Asked,
    /// These.
    Listed(HeaderValue),
}

/// A value that no response header can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot stand in a header")]
pub struct CorsError(String);

/// The decision about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It goes on, and its response stays as it is.
    Pass,
    /// It goes on, and [`CorsPolicy::grant`] is applied to its response with this origin.
    Grant(HeaderValue),
    /// It is a preflight: the answer is 200, empty, with these headers.
    Answer(HeaderMap),
}

impl CorsPolicy {
    /// Allows these origins to read what every page may read. `*`, exactly, is any origin.
    #[must_use]
    pub fn new(origins: impl IntoIterator<Item = StringMatch>) -> Self {
        Self { origins: origins.into_iter().collect(), ..Self::default() }
    }

    /// The policy of these lists, as configurations write them.
    pub(crate) fn of_lists(
        origins: Vec<StringMatch>,
        methods: &[String],
        headers: &[String],
        expose: &[String],
    ) -> Result<Self, CorsError> {
        let texts = |list| <[String]>::iter(list).map(String::as_str);
        Self::new(origins).methods(texts(methods))?.headers(texts(headers))?.expose(texts(expose))
    }

    /// The methods that the answer to a preflight lists; a lone `*` allows the one that it asks for.
    ///
    /// # Errors
    /// If one can't stand in a header.
    pub fn methods<'a>(mut self, methods: impl IntoIterator<Item = &'a str>) -> Result<Self, CorsError> {
        self.methods = Allowed::new(methods)?;
        Ok(self)
    }

    /// The request headers that the answer to a preflight lists; a lone `*` allows those that it asks for.
    ///
    /// # Errors
    /// If one can't stand in a header.
    pub fn headers<'a>(mut self, headers: impl IntoIterator<Item = &'a str>) -> Result<Self, CorsError> {
        self.headers = Allowed::new(headers)?;
        Ok(self)
    }

    /// The response headers that pages may read.
    ///
    /// # Errors
    /// If one can't stand in a header.
    pub fn expose<'a>(mut self, headers: impl IntoIterator<Item = &'a str>) -> Result<Self, CorsError> {
        self.expose = joined(headers)?;
        Ok(self)
    }

    /// How long a browser may remember the answer to a preflight, in whole seconds.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(HeaderValue::from(age.as_secs()));
        self
    }

    /// Whether requests may carry cookies and the like.
    #[must_use]
    pub const fn credentials(mut self, allowed: bool) -> Self {
        self.credentials = allowed;
        self
    }

    /// Sets the treatment of a preflight from an origin that isn't allowed.
    #[must_use]
    pub const fn unmatched(mut self, unmatched: Unmatched) -> Self {
        self.unmatched = unmatched;
        self
    }

    /// Decides about a request of this method and these headers.
    pub fn judge(&self, method: &Method, headers: &HeaderMap) -> Verdict {
        let Some(origin) = headers.get(ORIGIN).filter(|origin| !origin.is_empty()) else {
            return Verdict::Pass;
        };
        let asked = headers.get(ACCESS_CONTROL_REQUEST_METHOD).filter(|asked| !asked.is_empty());
        let asked = asked.filter(|_| *method == Method::OPTIONS);
        match (asked, self.allows(origin)) {
            (None, true) => Verdict::Grant(origin.clone()),
            (Some(asked), true) => {
                let mut answer = self.preflight(asked, headers);
                self.grant(origin.clone(), &mut answer);
                Verdict::Answer(answer)
            }
            (Some(asked), false) if self.unmatched == Unmatched::Ignore => {
                Verdict::Answer(self.preflight(asked, headers))
            }
            (None | Some(_), false) => Verdict::Pass,
        }
    }

    /// Allows pages of `origin` to read the response; replaces the service's own headers.
    pub fn grant(&self, origin: HeaderValue, response: &mut HeaderMap) {
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials {
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        if let Some(expose) = &self.expose {
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone());
        }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.origins.iter().any(|allowed| match allowed {
            StringMatch::Exact(any) if **any == *"*" => true,
            _ => allowed.matches(origin.as_bytes()),
        })
    }

    /// The headers in the answer to every preflight.
    fn preflight(&self, method: &HeaderValue, request: &HeaderMap) -> HeaderMap {
        let mut answer = HeaderMap::with_capacity(6);
        if self.credentials {
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        self.methods.say(&mut answer, ACCESS_CONTROL_ALLOW_METHODS, Some(method));
        let headers = request.get(ACCESS_CONTROL_REQUEST_HEADERS);
        self.headers.say(&mut answer, ACCESS_CONTROL_ALLOW_HEADERS, headers);
        if let Some(age) = &self.max_age {
            answer.insert(ACCESS_CONTROL_MAX_AGE, age.clone());
        }
        answer
    }
}

impl Allowed {
    fn new<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, CorsError> {
        Ok(match joined(list)? {
            None => Self::Unsaid,
            Some(any) if any == "*" => Self::Asked,
            Some(list) => Self::Listed(list),
        })
    }

    fn say(&self, answer: &mut HeaderMap, name: HeaderName, asked: Option<&HeaderValue>) {
        let value = match self {
            Self::Unsaid => None,
            Self::Asked => asked,
            Self::Listed(list) => Some(list),
        };
        if let Some(value) = value {
            answer.insert(name, value.clone());
        }
    }
}

fn joined<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Option<HeaderValue>, CorsError> {
    let mut text = String::new();
    for item in list {
        if HeaderValue::from_str(item).is_err() {
            return Err(CorsError(item.to_owned()));
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(item);
    }
    Ok((!text.is_empty()).then(|| HeaderValue::try_from(text).expect("each part is a value, and so is `,`")))
}
