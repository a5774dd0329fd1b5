//! Trace context and request ids (TR, HD-1).
