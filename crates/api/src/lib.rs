//! The HTTP surface: one table of routes, errors, sockets, the embedded web app.
