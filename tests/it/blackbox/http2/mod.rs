//! HTTP/2 at its edges: large fields, split cookies, floods; on either side of the built proxy.

mod cookies;
mod fields;
mod floods;
mod unread;
