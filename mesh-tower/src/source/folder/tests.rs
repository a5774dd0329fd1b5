//! The source yields each reading, the cancelled ones too.

use super::*;

#[tokio::test]
async fn op_5_a_reading_that_was_not_yielded_is_yielded_by_the_next_call() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = FolderSource::new(folder.path(), Strictness::Strict).watch(false);
    assert!(source.place.news(0).unwrap().is_ok());
    assert!(matches!(source.next().await, Some(Ok(_))), "it has not ended");
}
