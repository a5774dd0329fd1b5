//! Virtual time that a test lets pass.

use std::time::Duration;

/// Lets virtual time pass: the timers due in between fire in their order, and the tasks that they wake run.
///
/// tokio's own [`advance`](tokio::time::advance) jumps to the end at once.
///
/// # Panics
/// If the clock is not paused (`#[tokio::test(start_paused = true)]`): a test does not wait in real time.
pub async fn pass(time: Duration) {
    // An advance by zero panics if the clock is not paused.
    tokio::time::advance(Duration::ZERO).await;
    tokio::time::sleep(time).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn timers_on_the_way_fire_in_their_order() {
        let start = tokio::time::Instant::now();
        let fired = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(20)).await;
            start.elapsed()
        });
        pass(Duration::from_secs(45)).await;
        assert!(fired.is_finished());
        assert_eq!((fired.await.unwrap().as_secs(), start.elapsed().as_secs()), (20, 45));
    }

    #[tokio::test]
    #[should_panic(expected = "is not frozen")]
    async fn no_test_waits_for_real() {
        pass(Duration::from_secs(1)).await;
    }
}
