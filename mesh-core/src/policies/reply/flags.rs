//! Envoy's response flags, in Envoy's order (RF-1, AL-4).
//!
//! Envoy writes them as they were raised: an injected delay comes before all that happens upstream, and
//! that retries are used up (RT-13) is known before the last failure is named.

use std::fmt;

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// One response flag.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Flag {
            $($(#[$doc])* $name),+
        }

        impl Flag {
            /// Every flag, in the order of logs.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The short name of access logs and metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

flags! {
    /// Delay injected.
    DelayInjected = "DI",
    /// Retries or TCP connects are used up.
    UpstreamRetryLimitExceeded = "URX",
    /// Local service failed its health check.
    FailedLocalHealthCheck = "LH",
    /// No healthy upstream.
    NoHealthyUpstream = "UH",
    /// Upstream request timeout.
    UpstreamRequestTimeout = "UT",
    /// Local reset.
    LocalReset = "LR",
    /// Upstream remote reset.
    UpstreamRemoteReset = "UR",
    /// Upstream connection failure.
    UpstreamConnectionFailure = "UF",
    /// Upstream connection termination.
    UpstreamConnectionTermination = "UC",
    /// Upstream overflow: a circuit limit.
    UpstreamOverflow = "UO",
    /// No route found.
    NoRouteFound = "NR",
    /// Fault (abort) injected.
    FaultInjected = "FI",
    /// Rate limited.
    RateLimited = "RL",
    /// Denied by an external authorizer.
    UnauthorizedExternalService = "UAEX",
    /// The rate limit service failed.
    RateLimitServiceError = "RLSE",
    /// The downstream connection was terminated.
    DownstreamConnectionTermination = "DC",
    /// Stream idle timeout.
    StreamIdleTimeout = "SI",
    /// Strictly checked header was invalid.
    InvalidEnvoyRequestHeaders = "IH",
    /// Downstream protocol error.
    DownstreamProtocolError = "DPE",
    /// Upstream max stream duration reached.
    UpstreamMaxStreamDurationReached = "UMSDR",
    /// Served from a cache.
    ResponseFromCacheFilter = "RFCF",
    /// Missing from a cache.
    NoFilterConfigFound = "NFCF",
    /// Request or connection exceeded its duration.
    DurationTimeout = "DT",
    /// Upstream protocol error.
    UpstreamProtocolError = "UPE",
    /// No cluster found.
    NoClusterFound = "NC",
    /// The overload manager ended the request.
    OverloadManager = "OM",
    /// DNS resolution failed.
    DnsResolutionFailed = "DF",
    /// Dropped by load shedding of the control plane.
    DropOverload = "DO",
    /// Downstream remote reset.
    DownstreamRemoteReset = "DR",
    /// Unconditional drop overload.
    UnconditionalDropOverload = "UDO",
}

/// A set of [`Flag`]s; prints as `URX,UF`, or `-` when empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResponseFlags(u32);

impl ResponseFlags {
    /// No flag.
    pub const NONE: Self = Self(0);

    /// The set with `flag` added.
    #[must_use]
    pub const fn with(self, flag: Flag) -> Self {
        Self(self.0 | 1 << flag as u8)
    }

    /// Adds a flag.
    pub const fn set(&mut self, flag: Flag) {
        self.0 |= 1 << flag as u8;
    }

    /// Whether `flag` is in the set.
    #[must_use]
    pub const fn has(self, flag: Flag) -> bool {
        self.0 & (1 << flag as u8) != 0
    }

    /// Both sets joined.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether no flag is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl From<Flag> for ResponseFlags {
    fn from(flag: Flag) -> Self {
        Self::NONE.with(flag)
    }
}

impl fmt::Display for ResponseFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("-");
        }
        let mut separator = "";
        for flag in Flag::ALL.iter().filter(|flag| self.has(**flag)) {
            write!(f, "{separator}{}", flag.name())?;
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rf_1_flags_print_in_envoys_order() {
        assert_eq!(ResponseFlags::NONE.to_string(), "-");
        let flags = ResponseFlags::from(Flag::UpstreamRetryLimitExceeded)
            .with(Flag::UpstreamConnectionFailure)
            .with(Flag::DelayInjected);
        assert_eq!(flags.to_string(), "DI,URX,UF");
    }
}
