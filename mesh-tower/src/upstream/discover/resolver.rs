//! [`Resolver`]: real DNS.

use super::{Resolve, Resolving};

/// Asks the name servers of the system, or those that it is given.
///
/// With feature `dns` it knows TTLs. Without it, the system's own resolver is asked, which hides
/// them: half a minute stands for all, a failure and an empty answer look alike, and name servers
/// cannot be chosen.
///
/// # Clone
/// Clones share their sockets.
#[derive(Clone, Debug, Default)]
pub struct Resolver(imp::Resolver);

impl Resolver {
    /// Asks as the system is configured, search domains and its hosts file included.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// Asks these name servers, over UDP and, for long answers, TCP. Names are taken as they are; the
    /// system's search domains and hosts file are not looked at.
    #[cfg(feature = "dns")]
    #[must_use]
    pub fn name_servers(addresses: impl IntoIterator<Item = std::net::SocketAddr>) -> Self {
        Self(imp::Resolver::at(addresses.into_iter().collect()))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: &str) -> Resolving {
        let (resolver, name) = (self.0.clone(), name.to_owned());
        Box::pin(async move { resolver.resolve(&name).await })
    }
}

#[cfg(feature = "dns")]
mod imp {
    use std::net::SocketAddr;
    use std::sync::{Arc, OnceLock};
    use std::time::Duration;

    use hickory_resolver::TokioResolver;
    use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
    use hickory_resolver::net::NetError;
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use hickory_resolver::proto::rr::RecordType;
    use mesh_core::discover::{Answer, Family};

    use crate::error::BoxError;

    #[derive(Clone, Debug, Default)]
    pub(super) struct Resolver {
        servers: Arc<[SocketAddr]>,
        made: Arc<OnceLock<TokioResolver>>,
    }

    impl Resolver {
        pub(super) fn at(servers: Vec<SocketAddr>) -> Self {
            Self { servers: servers.into(), made: Arc::default() }
        }

        /// Made when it is first needed: the system's configuration may not be readable, and then
        /// the next question tries again.
        fn made(&self) -> Result<&TokioResolver, NetError> {
            if let Some(made) = self.made.get() {
                return Ok(made);
            }
            let mut builder = if self.servers.is_empty() {
                TokioResolver::builder_tokio()?
            } else {
                let server = |address: &SocketAddr| {
                    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
                    for connection in &mut connections {
                        connection.port = address.port();
                    }
                    NameServerConfig::new(address.ip(), true, connections)
                };
                let servers = self.servers.iter().map(server).collect();
                let config = ResolverConfig::from_name_servers(servers);
                let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
                builder.options_mut().use_hosts_file = ResolveHosts::Never;
                builder
            };
            // Answers are kept where their age is known.
            builder.options_mut().cache_size = 0;
            let resolver = builder.build()?;
            Ok(self.made.get_or_init(|| resolver))
        }

        pub(super) async fn resolve(&self, name: &str) -> Result<Answer, BoxError> {
            let resolver = self.made()?;
            let (v4, v6) = futures_util::future::join(
                resolver.lookup(name, RecordType::A),
                resolver.lookup(name, RecordType::AAAA),
            )
            .await;
            let (mut addresses, mut ttl) = (Vec::new(), None::<u32>);
            let (mut unanswered, mut failure) = (None, None);
            for (family, lookup) in [(Family::V4, v4), (Family::V6, v6)] {
                match lookup {
                    Ok(lookup) => {
                        for record in lookup.answers() {
                            if let Some(address) = record.data.ip_addr() {
                                addresses.push(address);
                                ttl = Some(ttl.map_or(record.ttl, |ttl| ttl.min(record.ttl)));
                            }
                        }
                    }
                    Err(error) if error.is_no_records_found() => {}
                    Err(error) => {
                        unanswered = Some(family);
                        failure = Some(error);
                    }
                }
            }
            match (addresses.is_empty(), failure) {
                (true, Some(failure)) => Err(failure.into()),
                (true, None) => Ok(Answer::Empty),
                (false, _) => {
                    let ttl = Duration::from_secs(ttl.unwrap_or_default().into());
                    Ok(Answer::Addresses { addresses, ttl, unanswered })
                }
            }
        }
    }
}

#[cfg(not(feature = "dns"))]
mod imp {
    use std::time::Duration;

    use mesh_core::discover::Answer;

    use crate::error::BoxError;

    #[derive(Clone, Debug, Default)]
    pub(super) struct Resolver;

    impl Resolver {
        pub(super) async fn resolve(&self, name: &str) -> Result<Answer, BoxError> {
            let addresses = tokio::net::lookup_host((name, 0)).await?;
            let addresses = addresses.map(|address| address.ip()).collect();
            Ok(Answer::Addresses { addresses, ttl: Duration::from_secs(30), unanswered: None })
        }
    }
}
