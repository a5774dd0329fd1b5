//! The certificate of a Secret (GW-7).

use crate::api::Resource;
use crate::api::kubernetes::Secret;
use crate::plan::Material;

/// The certificate and key that a Secret holds (GW-7).
pub(crate) fn pair(secret: &Resource<Secret>) -> Option<Material> {
    let pair = |certificate, key| {
        let (certificate, key) = (secret.spec.get(certificate)?, secret.spec.get(key)?);
        Some(Material::Inline { certificate: certificate.into(), key: key.into() })
    };
    pair("tls.crt", "tls.key").or_else(|| pair("cert", "key"))
}
