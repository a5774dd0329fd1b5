//! May a page of another origin read the answer? (VA-11, VA-12)
//!
//! A browser sends a page's cross-origin request and then asks the answer whether the page may see it;
//! for requests that could do harm it asks first, with a *preflight*. Answering at the rule saves every
//! service from doing it, and from doing it differently. Nothing is ever blocked here: other
//! clients ignore all of this, and a browser refuses by itself where it finds no permission.
//!
//! ```text
//! Origin?  no ─────────────────────────────────▶ Pass
//!    │ yes
//! preflight?  no ── origin allowed ────────────▶ Grant: the response names the origin
//!    │ yes          not allowed ───────────────▶ Pass
//!    ├── origin allowed ───────────────────────▶ Answer
//!    └── not allowed ── FORWARD ───────────────▶ Pass
//!                       IGNORE ────────────────▶ Answer, without the origin
//! ```
//!
//! Of `allowOrigins: [{exact: https://shop.test}]`, `OPTIONS` with `Origin: https://shop.test` and
//! `Access-Control-Request-Method: PUT` is answered here with 200; a `GET` from there goes to the service,
//! and its response gains `access-control-allow-origin: https://shop.test`.

mod policy;
#[cfg(test)]
mod tests;

pub use policy::{CorsError, CorsPolicy, Unmatched, Verdict};
