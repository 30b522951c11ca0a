//! Cameras as things people own: settings, grants, the view log.
