//! By what a file is known to be as it was, without a look into it.
//!
//! Size, times and inode say that nothing was written, but for one case: a file that is written twice within one tick
//! of the file system's clock, with as many bytes, has the same stamp both times. So the stamp of a file that was
//! written a moment ago says nothing yet, as in git's index ("racily clean"): the file is read again at the next look,
//! until the stamp is old enough.
//!
//! ```text
//! written ──(less than SETTLED)── looked at: no stamp          the next look reads
//! written ──────(SETTLED or more)────── looked at: a stamp     the next look compares
//! ```

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

/// How long after the last change a stamp counts. It is more than the ticks of all common file systems: FAT's are 2 s,
/// those of others are of milliseconds.
const SETTLED: Duration = Duration::from_millis(2_500);

/// What the system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: SystemTime,
    #[cfg(unix)]
    identity: Identity,
}

/// Which file it is, and when anything of it changed: no program can set that time.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of a file whose metadata was asked for at `now` or later; `None` if it says nothing.
    pub(super) fn of(metadata: &Metadata, now: SystemTime) -> Option<Self> {
        let modified = metadata.modified().ok()?;
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt as _;
            Identity {
                device: metadata.dev(),
                inode: metadata.ino(),
                changed: (metadata.ctime(), metadata.ctime_nsec()),
            }
        };
        let stamp = Self {
            size: metadata.len(),
            modified,
            #[cfg(unix)]
            identity,
        };
        // A time to come, as another machine's clock may say, is no time long ago.
        let age = now.duration_since(stamp.latest()?).ok()?;
        (age >= SETTLED).then_some(stamp)
    }

    /// When it last changed.
    #[cfg(unix)]
    fn latest(&self) -> Option<SystemTime> {
        let (seconds, nanoseconds) = self.identity.changed;
        let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanoseconds).ok()?);
        Some(self.modified.max(SystemTime::UNIX_EPOCH.checked_add(since)?))
    }

    #[cfg(not(unix))]
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere a time may be none")]
    fn latest(&self) -> Option<SystemTime> {
        Some(self.modified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op_5_a_stamp_counts_when_the_last_change_is_long_enough_ago() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stamp = |after: Duration| {
            let metadata = file.as_file().metadata().unwrap();
            Stamp::of(&metadata, metadata.modified().unwrap() + after)
        };
        assert_eq!(stamp(Duration::ZERO), None);
        assert_eq!(stamp(SETTLED / 2), None);
        let known = stamp(SETTLED * 2);
        assert!(known.is_some());
        assert_eq!(stamp(SETTLED * 3), known);
        let ahead = file.as_file().metadata().unwrap().modified().unwrap() - Duration::from_secs(60);
        assert_eq!(Stamp::of(&file.as_file().metadata().unwrap(), ahead), None, "its clock is ahead");
    }

    #[cfg(unix)]
    #[test]
    fn op_5_a_time_that_a_program_sets_hides_no_change() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "one").unwrap();
        let (metadata, later) =
            (file.as_file().metadata().unwrap(), SystemTime::now() + Duration::from_secs(3600));
        let before = Stamp::of(&metadata, later);
        // Until the clock of the file system has moved on.
        while Stamp::of(&file.as_file().metadata().unwrap(), later) == before {
            std::fs::write(file.path(), "two").unwrap();
            file.as_file().set_modified(metadata.modified().unwrap()).unwrap();
        }
        let after = file.as_file().metadata().unwrap();
        assert_eq!((after.len(), after.modified().unwrap()), (3, metadata.modified().unwrap()));
    }
}
