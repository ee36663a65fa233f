//! The pages of a site as they were fetched, so that an interrupted run goes on where it was, and a later run fetches
//! only what has changed.
//!
//! Grammar of the file: `start_line record*`, where a record is a line of JSON, and for a page its text of the stated
//! number of bytes and a line break. `{"start":URL}` names the site; `{"page":{…}}` is a page; `{"same":URL}` says that
//! the server called the kept page current; `{"end":true}` ends a run. Records behind the last end belong to a run that
//! was interrupted. Reading stops at the first record that is cut or damaged, and writing goes on from there.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err::{File, OpenOptions};
use reqwest::Url;
use serde::{Deserialize, Serialize};

/// An interrupted run is resumed within this time; later its pages are asked for again.
const RESUME_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest head of a record: two addresses and two header values.
const MAX_HEAD_BYTES: u64 = 64 * 1024;

/// What a server gave to ask whether a page has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) last_modified: Option<String>,
}

/// Addresses as text.
mod address {
    use reqwest::Url;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(url.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
        let text = String::deserialize(deserializer)?;
        Url::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    Start(#[serde(with = "address")] Url),
    Page(PageRecord),
    Same(#[serde(with = "address")] Url),
    End(bool),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct PageRecord {
    /// The address that was asked for.
    #[serde(with = "address")]
    asked: Url,
    /// The address that answered, after redirects.
    #[serde(with = "address")]
    url: Url,
    #[serde(flatten)]
    stamp: Stamp,
    bytes: u64,
}

/// Where a page's text lies in the file.
#[derive(Debug, Clone)]
struct Place {
    record: PageRecord,
    at: u64,
    /// Fetched or confirmed in the run that goes on.
    fresh: bool,
}

/// Fetched pages by the address that was asked for.
pub(super) struct Cache {
    file: File,
    path: Option<PathBuf>,
    start: Url,
    pages: HashMap<Url, Place>,
    end: u64,
    /// Records in the file that nothing needs any more.
    stale: usize,
}

impl Cache {
    /// Opens the cache of this site; one of another site is thrown away.
    pub(super) fn open(path: &Path, start: &Url) -> std::io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        Self::with_file(file, Some(path.to_owned()), start)
    }

    /// A cache that nobody finds again.
    pub(super) fn temporary(start: &Url) -> std::io::Result<Self> {
        let name = format!("docent-pages-{}", uuid::Uuid::new_v4());
        let path = std::env::temp_dir().join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        // The file lives as long as it is open.
        fs_err::remove_file(&path)?;
        Self::with_file(file, None, start)
    }

    fn with_file(file: File, path: Option<PathBuf>, start: &Url) -> std::io::Result<Self> {
        let metadata = file.metadata()?;
        let age = metadata.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
        let mut cache = Self { file, path, start: start.clone(), pages: HashMap::new(), end: 0, stale: 0 };
        let is_ours = cache.load(metadata.len())?;
        if age.is_some_and(|age| age > RESUME_WITHIN) {
            cache.pages.values_mut().for_each(|place| place.fresh = false);
        }
        if !is_ours {
            cache.pages.clear();
            cache.end = 0;
            cache.file.set_len(0)?;
            cache.append(&Record::Start(start.clone()), b"")?;
        }
        cache.file.set_len(cache.end)?;
        Ok(cache)
    }

    /// Reads all records; false when the file is of another site.
    fn load(&mut self, length: u64) -> std::io::Result<bool> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(&self.file);
        let mut first = true;
        let mut head = Vec::new();
        loop {
            head.clear();
            let read = reader.by_ref().take(MAX_HEAD_BYTES).read_until(b'\n', &mut head)? as u64;
            let Ok(record) = serde_json::from_slice::<Record>(&head) else { return Ok(!first) };
            if !head.ends_with(b"\n") {
                return Ok(!first);
            }
            let at = self.end + read;
            match record {
                Record::Start(start) if first => {
                    if start != self.start {
                        return Ok(false);
                    }
                    self.end = at;
                }
                _ if first => return Ok(false),
                Record::Start(_) => return Ok(true),
                Record::Page(record) => {
                    let next = at.saturating_add(record.bytes).saturating_add(1);
                    if next > length {
                        return Ok(true);
                    }
                    reader.seek_relative((next - at) as i64)?;
                    self.end = next;
                    let place = Place { at, fresh: true, record };
                    if self.pages.insert(place.record.asked.clone(), place).is_some() {
                        self.stale += 1;
                    }
                }
                Record::Same(url) => {
                    self.end = at;
                    self.stale += 1;
                    if let Some(place) = self.pages.get_mut(&url) {
                        place.fresh = true;
                    }
                }
                Record::End(_) => {
                    self.end = at;
                    self.stale += 1;
                    self.pages.values_mut().for_each(|place| place.fresh = false);
                }
            }
            first = false;
        }
    }

    fn append(&mut self, record: &Record, text: &[u8]) -> std::io::Result<u64> {
        let mut bytes = serde_json::to_vec(record).map_err(std::io::Error::from)?;
        bytes.push(b'\n');
        let at = self.end + bytes.len() as u64;
        if let Record::Page(_) = record {
            bytes.extend_from_slice(text);
            bytes.push(b'\n');
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&bytes)?;
        self.end += bytes.len() as u64;
        Ok(at)
    }

    /// How many pages the interrupted run has left behind.
    pub(super) fn resumed(&self) -> usize {
        self.pages.values().filter(|place| place.fresh).count()
    }

    /// Whether a page is kept, and need not be asked for in this run.
    pub(super) fn is_fresh(&self, url: &Url) -> bool {
        self.pages.get(url).is_some_and(|place| place.fresh)
    }

    /// The address that answered for a kept page.
    pub(super) fn answered(&self, url: &Url) -> Option<&Url> {
        self.pages.get(url).map(|place| &place.record.url)
    }

    /// What to send to learn whether a kept page has changed; none when it is not kept or the server gave nothing.
    pub(super) fn stamp(&self, url: &Url) -> Option<Stamp> {
        let stamp = &self.pages.get(url)?.record.stamp;
        (*stamp != Stamp::default()).then(|| stamp.clone())
    }

    /// A kept page: the address that answered, and its text.
    pub(super) fn page(&mut self, url: &Url) -> std::io::Result<Option<(Url, String)>> {
        let Some(place) = self.pages.get(url) else { return Ok(None) };
        let mut bytes = vec![0; place.record.bytes as usize];
        self.file.seek(SeekFrom::Start(place.at))?;
        self.file.read_exact(&mut bytes)?;
        Ok(Some((place.record.url.clone(), String::from_utf8_lossy(&bytes).into_owned())))
    }

    /// Keeps a page.
    pub(super) fn keep(&mut self, asked: &Url, url: Url, stamp: Stamp, text: &str) -> std::io::Result<()> {
        let record = PageRecord { asked: asked.clone(), url, stamp, bytes: text.len() as u64 };
        let at = self.append(&Record::Page(record.clone()), text.as_bytes())?;
        if self.pages.insert(asked.clone(), Place { record, at, fresh: true }).is_some() {
            self.stale += 1;
        }
        Ok(())
    }

    /// The kept page is current.
    pub(super) fn confirm(&mut self, url: &Url) -> std::io::Result<()> {
        self.append(&Record::Same(url.clone()), b"")?;
        self.stale += 1;
        if let Some(place) = self.pages.get_mut(url) {
            place.fresh = true;
        }
        Ok(())
    }

    /// Ends a run: pages that were not met are forgotten, and a file that holds much that is stale is written anew.
    pub(super) fn finish(&mut self, met: &[Url]) -> std::io::Result<()> {
        let before = self.pages.len();
        let mut kept: HashMap<Url, Place> =
            met.iter().filter_map(|url| self.pages.remove_entry(url)).collect();
        self.stale += before - kept.len();
        std::mem::swap(&mut self.pages, &mut kept);
        self.append(&Record::End(true), b"")?;
        if self.stale > self.pages.len()
            && let Some(path) = self.path.clone()
        {
            self.rewrite(&path, met)?;
        }
        self.file.sync_data()
    }

    fn rewrite(&mut self, path: &Path, met: &[Url]) -> std::io::Result<()> {
        let beside = path.with_extension("pages.new");
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&beside)?;
        let mut fresh = Self {
            file,
            path: self.path.clone(),
            start: self.start.clone(),
            pages: HashMap::new(),
            end: 0,
            stale: 0,
        };
        fresh.append(&Record::Start(self.start.clone()), b"")?;
        for asked in met {
            let Some(place) = self.pages.get(asked).cloned() else { continue };
            if let Some((url, text)) = self.page(asked)? {
                fresh.keep(asked, url, place.record.stamp, &text)?;
            }
        }
        fresh.append(&Record::End(true), b"")?;
        fresh.file.sync_data()?;
        fs_err::rename(&beside, path)?;
        *self = fresh;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(path: &str) -> Url {
        Url::parse("https://a.org/").and_then(|site| site.join(path)).expect("a URL")
    }

    fn stamp(etag: &str) -> Stamp {
        Stamp { etag: Some(etag.into()), last_modified: None }
    }

    fn text(cache: &mut Cache, path: &str) -> Option<String> {
        cache.page(&url(path)).expect("readable").map(|(_, text)| text)
    }

    #[test]
    fn an_interrupted_run_is_resumed_and_a_finished_one_asked_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x/index.pages");
        let open = || Cache::open(&path, &url("")).expect("a cache");
        let mut cache = open();
        cache.keep(&url("a"), url("a/"), stamp("1"), "text\nof a").expect("kept");
        cache.keep(&url("b"), url("b"), Stamp::default(), "").expect("kept");
        drop(cache);
        let mut cache = open();
        assert_eq!((cache.resumed(), cache.is_fresh(&url("a"))), (2, true));
        assert_eq!(cache.page(&url("a")).expect("readable"), Some((url("a/"), "text\nof a".into())));
        assert_eq!((cache.stamp(&url("a")), cache.stamp(&url("b"))), (Some(stamp("1")), None));
        cache.finish(&[url("a")]).expect("finished");
        drop(cache);
        let mut cache = open();
        assert_eq!(cache.resumed(), 0);
        cache.confirm(&url("a")).expect("confirmed");
        drop(cache);
        assert!(open().is_fresh(&url("a")));
    }

    #[test]
    fn what_is_cut_or_foreign_is_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("index.pages");
        let mut cache = Cache::open(&path, &url("")).expect("a cache");
        cache.keep(&url("a"), url("a"), stamp("1"), "text of a").expect("kept");
        let whole_to = cache.end as usize;
        cache.keep(&url("b"), url("b"), stamp("1"), "text of b").expect("kept");
        drop(cache);
        let bytes = std::fs::read(&path).expect("the file");
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).expect("cut");
            let mut cache = Cache::open(&path, &url("")).expect("a cache");
            assert_eq!(text(&mut cache, "b"), None, "{length}");
            assert_eq!(text(&mut cache, "a").is_some(), length >= whole_to, "{length}");
            cache.keep(&url("c"), url("c"), stamp("1"), "text of c").expect("kept");
            drop(cache);
            let mut cache = Cache::open(&path, &url("")).expect("a cache");
            assert_eq!(text(&mut cache, "c").as_deref(), Some("text of c"), "{length}");
        }
        for foreign in [&b"PK\x03\x04"[..], b"{\"end\":true}\n", b"{\"start\":\"https://b.org/\"}\n"] {
            std::fs::write(&path, foreign).expect("written");
            assert_eq!(Cache::open(&path, &url("")).expect("a cache").pages.len(), 0);
        }
    }

    #[test]
    fn a_file_does_not_grow_with_every_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("index.pages");
        let mut sizes = Vec::new();
        for run in 0..6 {
            let mut cache = Cache::open(&path, &url("")).expect("a cache");
            let text = format!("{run}").repeat(10_000);
            cache.keep(&url("a"), url("a"), stamp("1"), &text).expect("kept");
            cache.finish(&[url("a")]).expect("finished");
            sizes.push(std::fs::metadata(&path).expect("the file").len());
        }
        assert!(sizes.iter().all(|size| *size < 30_000), "{sizes:?}");
        let mut cache = Cache::temporary(&url("")).expect("a cache");
        cache.keep(&url("a"), url("a"), stamp("1"), "x").expect("kept");
        assert_eq!(text(&mut cache, "a").as_deref(), Some("x"));
    }
}
