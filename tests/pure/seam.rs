//! The tests of the whole controller observe it as an administrator does. The few exceptions are in one file.

use std::path::Path;

#[test]
fn only_the_stage_looks_inside_the_controller() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/whole/controller");
    let mut files = 0;
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        files += 1;
        if !path.ends_with("stage.rs") {
            assert!(
                !text.contains(".app."),
                "{}: ask what an administrator sees, or the stage",
                path.display()
            );
        }
    }
    assert!(files > 10, "the tests of the controller were not found");
}
