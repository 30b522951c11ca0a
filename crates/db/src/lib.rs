//! The database: pool, two dialects, migrations, transactions, sealed columns.
