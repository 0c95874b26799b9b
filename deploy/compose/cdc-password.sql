-- Runs once, after the reference schema has made the role.
\set password `printf %s "$CDC_PASSWORD"`
ALTER ROLE shoprelay_cdc PASSWORD :'password';
