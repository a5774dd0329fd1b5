//! Size, times and inode of a file, by which an unchanged file is not read.
//!
//! They show every change but one: a file that is written twice within one tick of the file system's clock, with equal
//! sizes, has the same stamp both times. So a file that changed a moment ago has no stamp, as in git's index ("racily
//! clean"), and the next reading reads it again.
//!
//! ```text
//! changed ──(less than SETTLED)── reading: no stamp          the next reading reads it
//! changed ──────(SETTLED or more)────── reading: a stamp     the next reading compares the stamps
//! ```

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

/// Time after the last change from which a file has a stamp. It is longer than a tick of any common file system: 2 s on
/// FAT, milliseconds on others.
const SETTLED: Duration = Duration::from_millis(2_500);

/// The metadata that tell versions of a file apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: SystemTime,
    #[cfg(unix)]
    identity: Identity,
}

/// Which file it is, and the time of its last change of any kind, which no program can set.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of a file by metadata of `now` or later; `None` if the last change is too recent.
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
        // A time in the future, of another machine's clock, is too recent as well.
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
