"""Evidence outside the database of what the log was: signed checkpoints, the audit against them, and proofs."""
