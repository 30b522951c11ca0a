//! Typed ids: a UUIDv7 that says what it identifies.

/// Declares a typed id: `base::id!(/// A camera. CameraId);`
///
/// The id is a UUIDv7 (RFC 9562) made from the given [`crate::World`], so a test makes the same ids each time.
#[macro_export]
macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, $crate::__serde::Serialize, $crate::__serde::Deserialize)]
        #[serde(crate = "base::__serde", transparent)]
        pub struct $name($crate::uuid::Uuid);

        #[allow(dead_code, reason = "not every kind of id needs every conversion")]
        impl $name {
            /// A new id, ordered by the time of `world`.
            pub fn generate(world: &$crate::World) -> Self {
                Self($crate::Id::generate(world))
            }
            /// The id with these 16 bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self($crate::uuid::Uuid::from_bytes(bytes))
            }
            /// The 16 bytes of the id.
            pub const fn bytes(self) -> [u8; 16] {
                self.0.into_bytes()
            }
            /// The id as the database keeps it.
            pub const fn uuid(self) -> $crate::uuid::Uuid {
                self.0
            }
        }
        impl From<$crate::uuid::Uuid> for $name {
            fn from(uuid: $crate::uuid::Uuid) -> Self {
                Self(uuid)
            }
        }
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
        impl ::std::str::FromStr for $name {
            type Err = $crate::Error;
            fn from_str(text: &str) -> ::std::result::Result<Self, $crate::Error> {
                $crate::uuid::Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| $crate::Error::not_found("no such id"))
            }
        }
    };
}

/// Makes UUIDv7 values from a [`crate::World`].
pub struct Id;

impl Id {
    /// A UUIDv7 from the clock and the chance of `world`.
    pub fn generate(world: &crate::World) -> uuid::Uuid {
        let mut random = [0u8; 10];
        world.rng.fill(&mut random);
        let millis = (world.clock.now().micros().max(0) / 1000) as u64;
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use crate as base;
    crate::id!(
        /// For the test.
        ThingId
    );

    #[test]
    fn ids_sort_by_time_and_survive_text() {
        let (world, clock) = base::World::test(7);
        let first = ThingId::generate(&world);
        clock.advance(std::time::Duration::from_millis(2));
        let second = ThingId::generate(&world);
        assert!(first < second);
        assert_eq!(first.to_string().parse::<ThingId>().unwrap(), first);
        assert_eq!(ThingId::from_bytes(first.bytes()), first);
        assert!("nonsense".parse::<ThingId>().is_err());
    }
}
