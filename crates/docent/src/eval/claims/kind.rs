//! What can be right or invented about a statement.

use serde::Serialize;

/// How a statement was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A sentence of the passage that answers, word for word.
    Verbatim,
    /// A part of it.
    Shortened,
    /// Two neighbouring sentences as one.
    Joined,
    /// The question as a statement, with the known answer.
    Reworded,
    /// The answer that the set's author wrote, which says it in other words and often more than the text does.
    Told,
    /// A name of another passage in place of one.
    OtherName,
    /// A number or date of another passage in place of one.
    OtherNumber,
    /// Other words of another passage in place of the answer.
    OtherPhrase,
    /// A number with another digit.
    AlteredNumber,
    /// A right sentence, cited to a passage that does not say it.
    WrongPassage,
    /// A sentence of another page, cited to this one.
    OtherPage,
    /// A name of the same passage that belongs to something else.
    SameName,
    /// A number of the same passage that belongs to something else.
    SameNumber,
    /// Words of the same passage that answer something else.
    SamePhrase,
    /// A denial put in or taken out.
    Denied,
    /// A word with the opposite meaning.
    Opposite,
    /// What somebody says who falls for an adversarial question: the question as a statement, with something fitting from the
    /// best passage.
    FallenFor,
}

/// How hard an invention is to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// It is right.
    Right,
    /// Something that the passage does not hold.
    Plain,
    /// All its words may stand in the passage.
    Hard,
}

impl Kind {
    /// All kinds, as tables show them.
    pub const ALL: [Self; 17] = [
        Self::Verbatim,
        Self::Shortened,
        Self::Joined,
        Self::Reworded,
        Self::Told,
        Self::OtherName,
        Self::OtherNumber,
        Self::OtherPhrase,
        Self::AlteredNumber,
        Self::WrongPassage,
        Self::OtherPage,
        Self::SameName,
        Self::SameNumber,
        Self::SamePhrase,
        Self::Denied,
        Self::Opposite,
        Self::FallenFor,
    ];

    /// What it is, for people.
    pub fn people(self) -> &'static str {
        match self {
            Self::Verbatim => "word for word",
            Self::Shortened => "shortened",
            Self::Joined => "two sentences joined",
            Self::Reworded => "question as a statement",
            Self::Told => "the author's answer",
            Self::OtherName => "another name",
            Self::OtherNumber => "another number or date",
            Self::OtherPhrase => "other words",
            Self::AlteredNumber => "a digit changed",
            Self::WrongPassage => "the wrong passage cited",
            Self::OtherPage => "a sentence of another page",
            Self::SameName => "another name of the passage",
            Self::SameNumber => "another number of the passage",
            Self::SamePhrase => "other words of the passage",
            Self::Denied => "denied",
            Self::Opposite => "the opposite",
            Self::FallenFor => "fallen for the question",
        }
    }

    /// Whether it is right, plainly invented, or invented in a way that is hard to see.
    pub fn group(self) -> Group {
        match self {
            Self::Verbatim | Self::Shortened | Self::Joined | Self::Reworded | Self::Told => Group::Right,
            Self::OtherName
            | Self::OtherNumber
            | Self::OtherPhrase
            | Self::AlteredNumber
            | Self::WrongPassage
            | Self::OtherPage => Group::Plain,
            Self::SameName
            | Self::SameNumber
            | Self::SamePhrase
            | Self::Denied
            | Self::Opposite
            | Self::FallenFor => Group::Hard,
        }
    }
}
