//! Istio's standard labels (ME-2, ME-3, ME-4).
