//! Whose turn it is to index.
//!
//! Several processes may use one history, and each of them writes. One at a time indexes what all of them wrote: two
//! would do the work twice, and keep each other and whoever has events to store waiting.

use std::fs::File;

/// A turn that one process at a time has, until it ends or leaves it.
#[derive(Debug)]
pub(crate) struct Turn {
    file: File,
    is_ours: bool,
}

impl Turn {
    /// Takes the file that is locked by whose turn it is.
    pub(crate) fn new(file: File) -> Self {
        Self {
            file,
            is_ours: false,
        }
    }

    /// Takes the turn if nobody has it, and says whether it is ours.
    pub(crate) fn is_ours(&mut self) -> bool {
        if !self.is_ours {
            self.is_ours = self.file.try_lock().is_ok();
        }
        self.is_ours
    }

    /// Leaves the turn to others.
    pub(crate) fn leave(&mut self) {
        // A file that cannot be unlocked stays ours.
        self.is_ours = self.is_ours && self.file.unlock().is_err();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // To close the file is not enough while a child of this process is being started, which has it until then.
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_the_turn() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Turn::new(File::create(dir.path().join("lock")).unwrap());
        let (mut first, mut second) = (open(), open());
        assert!(first.is_ours() && !second.is_ours() && first.is_ours());
        first.leave();
        assert!(second.is_ours() && !first.is_ours());
        let _childs = second.file.try_clone().unwrap();
        drop(second);
        assert!(first.is_ours());
    }
}
