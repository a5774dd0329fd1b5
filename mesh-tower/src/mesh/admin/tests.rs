//! The index lists exactly the paths that are served.

use http::{Method, Request};
use http_body_util::BodyExt;
use tower_service::Service;

use super::Admin;
use crate::mesh::Mesh;

#[tokio::test]
async fn op_3_what_nobody_serves_is_neither_listed_nor_there() {
    let mesh = Mesh::builder().start().await.unwrap();
    let bare = Admin::new(mesh.clone());
    let whole = Admin::new(mesh).on_quit(|| {}).logging(|_| Ok("info".to_owned()));
    for (mut admin, there) in [(bare, false), (whole, true)] {
        let mut ask =
            |method: Method, path| admin.call(Request::builder().method(method).uri(path).body(()).unwrap());
        let page = ask(Method::GET, "/").await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let page = std::str::from_utf8(&page).unwrap();
        assert!(page.contains("/clusters") && page.ends_with("</html>\n"), "{page}");
        for path in ["/logging", "/quitquitquit"] {
            assert_eq!(page.contains(path), there, "{path}");
            let get = ask(Method::GET, path).await.unwrap().status().as_u16();
            let post = ask(Method::POST, path).await.unwrap().status().as_u16();
            assert_eq!([get, post], if there { [405, 200] } else { [404, 404] }, "{path}");
        }
    }
}
