//! The API types of `unstall.dev/v1alpha1`.
