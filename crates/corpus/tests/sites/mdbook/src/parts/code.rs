// ANCHOR: all
fn shown() {
    // ANCHOR: inner
    work();
    // ANCHOR_END: inner
}
// ANCHOR_END: all
fn hidden() {}
