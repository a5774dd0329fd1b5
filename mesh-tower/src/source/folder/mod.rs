//! A folder of YAML files.
//!
//! | module | has |
//! |---|---|
//! | `list` | which files are read, and what is found on the way to them |
//! | `stamp` | by what a file is known to be as it was, without a look into it |
//! | `reader` | the files as they were read last; of those that changed nothing else is read again |

mod list;
mod reader;
mod stamp;

pub(crate) use list::nothing_in;
pub use list::{Folder, read_folder};
pub(crate) use reader::{FolderReader, Reading};
