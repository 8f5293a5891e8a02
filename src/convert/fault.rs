//! Why a feature can't be taken.

use crate::error::{Error, ErrorKind};
use crate::esri::{Feature, Syntax};

/// What is wrong with a feature.
pub(super) enum Fault {
    Syntax(Syntax),
    Unfit(Unfit),
}

impl From<Syntax> for Fault {
    fn from(syntax: Syntax) -> Self {
        Self::Syntax(syntax)
    }
}

impl From<Unfit> for Fault {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl Fault {
    pub(super) fn explain(self, feature: Feature) -> Error {
        match self {
            Self::Syntax(why) => Error::new(ErrorKind::Input, "a feature can't be read").because(why.within(feature)),
            Self::Unfit(unfit) => {
                Error::new(ErrorKind::Input, "a geometry can't be converted").because(unfit.why()).hint(unfit.hint())
            }
        }
    }
}

/// A geometry that can't be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// A curved segment of no known kind.
    Curve,
    /// A multipatch.
    Multipatch,
    /// A value of no known shape.
    Unknown,
    /// Esri's shape buffer, in PBF.
    Buffer,
    /// In another spatial reference than its layer.
    Elsewhere,
}

impl Unfit {
    fn why(self) -> &'static str {
        match self {
            Self::Curve => "it holds a curve of an unknown kind",
            Self::Multipatch => "it is a multipatch",
            Self::Buffer => "it is written in Esri's shape buffer format",
            Self::Unknown => "it has no x, points, paths, rings or xmin",
            Self::Elsewhere => "it names another spatial reference than its layer",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Curve => "ask the server for densified geometry: returnTrueCurves=false",
            Self::Multipatch => "ask the server for footprints: multipatchOption=xyFootprint",
            Self::Unknown => "check the saved file",
            Self::Buffer => "ask for JSON: --wire json",
            Self::Elsewhere => "give the features of each spatial reference a file of their own",
        }
    }
}
