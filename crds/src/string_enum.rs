//! The macro behind every enumeration of the API.

/// Declares an enumeration whose values are strings in the API.
///
/// It adds `ALL`, `as_str`, `Display`, serde, an optional `Default`, and a
/// schema whose `title` lists the values with their documentation.
/// `crate::schema` moves that title to the end of the field's description:
/// `kubectl explain` shows nothing else of an enumeration.
macro_rules! string_enum {
    (
        $(#[doc = $doc:literal])+
        pub enum $name:ident $(= $default:ident)? {
            $( $(#[doc = $value_doc:literal])+ $value:ident, )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            ::serde::Serialize, ::serde::Deserialize,
        )]
        pub enum $name {
            $( $(#[doc = $value_doc])+ $value, )+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The value as it is written in the API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => stringify!($value),)+
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        $(
            impl Default for $name {
                fn default() -> Self {
                    Self::$default
                }
            }
        )?

        impl ::schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                $crate::schema::enumeration(&[
                    $((stringify!($value), concat!($($value_doc),+)),)+
                ])
            }
        }
    };
}

pub(crate) use string_enum;

#[cfg(test)]
mod tests {
    string_enum! {
        /// A test.
        pub enum Shape = Round {
            /// Without corners.
            Round,
            /// With four corners.
            Square,
        }
    }

    #[test]
    fn values_are_written_as_they_are_declared() {
        assert_eq!(Shape::ALL.len(), 2);
        assert_eq!(Shape::default().to_string(), "Round");
        assert_eq!(serde_json::to_value(Shape::Square).unwrap(), "Square");
        assert!(serde_json::from_str::<Shape>("\"Oval\"").is_err());
    }
}
