//! PostgreSQL over TLS, which the program brings with it.

use diesel::prelude::*;
use diesel::sql_types::Bool;
use dozvon::config::database::DatabaseUrl;
use dozvon::config::store::Settings;
use dozvon::store::Store;

use crate::support::database::postgres::with_tls;
use crate::support::database::runtime;

#[derive(QueryableByName)]
struct Encrypted {
    #[diesel(sql_type = Bool)]
    ssl: bool,
}

#[test]
fn a_server_is_spoken_to_over_tls_and_its_certificate_is_looked_at() {
    with_tls(|address, certificate| {
        let open = |more: &str| {
            let url: DatabaseUrl = format!("postgres://dozvon@{address}/postgres?{more}").parse().unwrap();
            runtime().block_on(Store::open(&url, Settings::default()))
        };
        let own = format!("sslrootcert={}", certificate.display());
        for (more, encrypted) in [
            ("sslmode=disable".to_owned(), false),
            ("sslmode=require".to_owned(), true),
            (format!("sslmode=verify-full&{own}"), true),
        ] {
            let store = open(&more).unwrap_or_else(|error| panic!("{more}: {error}"));
            let asked = store.read("ssl", |c| {
                let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
                Ok(diesel::sql_query(sql).get_result::<Encrypted>(c)?.ssl)
            });
            assert_eq!(runtime().block_on(asked).unwrap(), encrypted, "{more}");
        }
        let refused = open("sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt").unwrap_err();
        assert!(refused.to_string().contains("certificate"), "{refused}");
    });
}
