-- SHA-256 of the verify token by which RingCX Digital's challenges are answered at the edge; NULL when the app answers.
ALTER TABLE endpoint ADD COLUMN verify_token_hash BLOB CHECK (length(verify_token_hash) = 32);
