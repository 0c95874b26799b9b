"""The sink certificate: numbered behaviours of `docs/specs/sink.md`, run for any sink against its own strict stand-in.

`subject` is what is looked at, `rehearsal` the stage it plays on (the real runner, in virtual time), the chapters are
`folder`, `settings`, `calls`, `standin`, `answers`, `delivery`, `trouble` and `features`; `certify` runs them.
"""
