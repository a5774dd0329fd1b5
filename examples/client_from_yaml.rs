//! A client that follows a folder of Istio's YAML, and uses the new rules when a file changes.

use mesh_examples::{text, version};
use mesh_tower::{BoxError, Client, Mesh};

/// The file as a user would write it, for fixed ports.
const REVIEWS: &str = include_str!("mesh/reviews.yaml");

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // The two versions listen on free ports here, so the file is written for them.
    let (v1, v2) = (version("v1").await?, version("v2").await?);
    let yaml = REVIEWS.replace("9081", &v1.port().to_string()).replace("9082", &v2.port().to_string());
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("reviews.yaml"), &yaml)?;

    let mesh = Mesh::from_dir(folder.path()).start().await?;
    let client = mesh.client();
    println!("weights 90 and 10: v2 answered {} of 200 calls", canaries(&client).await?);

    // The folder is watched. Waiting is for this program only: calls never wait for a reload.
    let mut generations = mesh.generations();
    let yaml = yaml.replace("weight: 90", "weight: 0").replace("weight: 10", "weight: 100");
    std::fs::write(folder.path().join("reviews.yaml"), yaml)?;
    generations.changed().await?;
    println!("weights 0 and 100: v2 answered {} of 200 calls", canaries(&client).await?);
    Ok(())
}

async fn canaries(client: &Client) -> Result<usize, BoxError> {
    let mut count = 0;
    for _ in 0..200 {
        let answer = text(client.get("http://reviews:9080/").await?).await?;
        count += usize::from(answer == "v2");
    }
    Ok(count)
}
