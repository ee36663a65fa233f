//! When a watcher must read a book again, and when not.

use std::time::{Duration, SystemTime};

use corpus::folder_state;

use crate::books::write;

#[test]
fn every_touch_of_a_file_that_is_read_is_seen_and_no_other() {
    let book = write(&[("docs/a.md", "# A"), ("docs/b.md", "# B"), (".docent/x", ""), ("data/index", "1")]);
    let root = book.root();
    let look = || folder_state(root, Some(&root.join("data")));
    let mut last = look();
    let mut changed = |what: &str, expected: bool| {
        let now = look();
        assert_eq!(now != last, expected, "{what}");
        last = now;
    };
    let put = |name: &str, text: &str| std::fs::write(root.join(name), text).expect("written");
    changed("nothing", false);
    put("docs/a.md", "# Ab");
    changed("another size", true);
    let file = std::fs::File::options().write(true).open(root.join("docs/a.md")).expect("opened");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(7)).expect("touched");
    changed("another time", true);
    std::fs::rename(root.join("docs/b.md"), root.join("docs/c.md")).expect("renamed");
    changed("another name", true);
    put("docs/code.py", "x = 1");
    changed("imported code", true);
    put(".docent/x", "hidden folders are not read");
    put("data/index", "22");
    changed("the program's own data", false);
    std::fs::remove_dir_all(root.join("docs")).expect("removed");
    changed("all files gone", true);
}
