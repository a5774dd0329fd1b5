//! Folders and links that are replaced, not edited, are followed.

use super::*;

#[tokio::test]
async fn op_5_a_folder_that_the_folder_stands_in_is_followed() {
    let deep = |place: &Path, text: &str| {
        std::fs::create_dir_all(place.join("a")).unwrap();
        plain(&place.join("a"), text);
    };
    let edited = Edited::start_at("a/mesh", deep).await;
    let place = edited.place.path().to_owned();
    let one = edited.yaml(0);
    // Gone for so long that it is watched for where it stood, then back.
    std::fs::remove_dir_all(place.join("a")).unwrap();
    let gone = async {
        while edited.mesh.status().rejected.is_none() && edited.mesh.status().stale_resources.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.expect("that it is gone is seen by an event");
    let two = edited.yaml(1);
    edited.until("two", || deep(&place, &two)).await;
    // Another in its place.
    edited
        .until("one", || {
            std::fs::create_dir(place.join("b")).unwrap();
            plain(&place.join("b"), &one);
            std::fs::rename(place.join("a"), place.join("old")).unwrap();
            std::fs::rename(place.join("b"), place.join("a")).unwrap();
        })
        .await;
    edited.until("two", || write(place.join("a/mesh/mesh.yaml"), &two)).await;
    edited.end().await;
}

#[tokio::test]
async fn op_5_a_folder_that_is_removed_and_copied_anew_is_followed() {
    let edited = Edited::start(plain).await;
    let place = edited.place.path().to_owned();
    for (backend, text) in [(1, "two"), (0, "one")] {
        let yaml = edited.yaml(backend);
        edited
            .until(text, || {
                std::fs::remove_dir_all(place.join("mesh")).unwrap();
                plain(&place, &yaml);
            })
            .await;
    }
    let yaml = edited.yaml(1);
    edited.until("two", || write(place.join("mesh/mesh.yaml"), &yaml)).await;
    edited.end().await;
}

#[tokio::test]
async fn op_5_a_folder_that_is_renamed_over_is_followed() {
    let edited = Edited::start(plain).await;
    let place = edited.place.path().to_owned();
    let (yaml, back) = (edited.yaml(1), edited.yaml(0));
    edited
        .until("two", || {
            std::fs::create_dir(place.join("new")).unwrap();
            std::fs::write(place.join("new/mesh.yaml"), &yaml).unwrap();
            std::fs::rename(place.join("mesh"), place.join("old")).unwrap();
            std::fs::rename(place.join("new"), place.join("mesh")).unwrap();
        })
        .await;
    edited.until("one", || write(place.join("mesh/mesh.yaml"), &back)).await;
    edited.end().await;
}

#[cfg(unix)]
fn swap(link: PathBuf, to: &str) {
    let aside = link.with_file_name("..swapped");
    std::os::unix::fs::symlink(to, &aside).unwrap();
    std::fs::rename(aside, link).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn op_5_a_link_that_is_swapped_is_followed() {
    let release = |place: &Path, name: &str, text: &str| {
        std::fs::create_dir_all(place.join("releases").join(name)).unwrap();
        std::fs::write(place.join("releases").join(name).join("mesh.yaml"), text).unwrap();
    };
    let edited = Edited::start(|place, text| {
        release(place, "1", text);
        swap(place.join("releases/current"), "1");
        swap(place.join("mesh"), "releases/current");
    })
    .await;
    let place = edited.place.path().to_owned();
    let (yaml, back) = (edited.yaml(1), edited.yaml(0));
    release(&place, "2", &yaml);
    edited.until("two", || swap(place.join("releases/current"), "2")).await;
    edited.until("one", || write(place.join("releases/2/mesh.yaml"), &back)).await;
    edited.until("two", || write(place.join("releases/2/mesh.yaml"), &yaml)).await;
    edited.until("one", || swap(place.join("mesh"), "releases/1")).await;
    edited.until("two", || write(place.join("releases/1/mesh.yaml"), &yaml)).await;
    edited.end().await;
}

/// As Kubernetes mounts a ConfigMap.
#[cfg(unix)]
#[tokio::test]
async fn op_5_a_mounted_config_map_that_is_swapped_is_followed() {
    let version = |mesh: &Path, name: &str, text: &str| {
        std::fs::create_dir_all(mesh.join(name)).unwrap();
        std::fs::write(mesh.join(name).join("mesh.yaml"), text).unwrap();
        swap(mesh.join("..data"), name);
    };
    let edited = Edited::start(|place, text| {
        version(&place.join("mesh"), "..1", text);
        swap(place.join("mesh/mesh.yaml"), "..data/mesh.yaml");
    })
    .await;
    let mesh = edited.place.path().join("mesh");
    for (number, backend, text) in [("..2", 1, "two"), ("..3", 0, "one"), ("..4", 1, "two")] {
        let yaml = edited.yaml(backend);
        edited.until(text, || version(&mesh, number, &yaml)).await;
    }
    edited.end().await;
}

/// A folder in it that is replaced, or is a link, is followed as well.
#[cfg(unix)]
#[tokio::test]
async fn op_5_a_folder_in_the_folder_that_is_replaced_is_followed() {
    let edited = Edited::start(|place, text| {
        std::fs::create_dir(place.join("mesh")).unwrap();
        std::fs::create_dir(place.join("aside")).unwrap();
        std::fs::write(place.join("aside/mesh.yaml"), text).unwrap();
        swap(place.join("mesh/inner"), "../aside");
    })
    .await;
    let place = edited.place.path().to_owned();
    let (yaml, back) = (edited.yaml(1), edited.yaml(0));
    edited.until("two", || write(place.join("aside/mesh.yaml"), &yaml)).await;
    std::fs::create_dir(place.join("other")).unwrap();
    std::fs::write(place.join("other/mesh.yaml"), &back).unwrap();
    edited.until("one", || swap(place.join("mesh/inner"), "../other")).await;
    edited.until("two", || write(place.join("other/mesh.yaml"), &yaml)).await;
    edited.end().await;
}
