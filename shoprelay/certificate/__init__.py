"""The sink certificate: numbered behaviours of `docs/specs/sink.md`, run for any sink against its own strict stand-in.

`subject` is what is looked at, `rehearsal` the stage it plays on (the real runner, in virtual time). The chapters are
`folder`, `settings`, `calls` and `requests`, `standin`, `answers`, `delivery` and `wire`, `trouble`, and for what only
some declare `lent`, `together` and `behind`. `certify` runs them, `badges` shows what was found.
"""
