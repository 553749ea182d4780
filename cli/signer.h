#ifndef CLI_SIGNER_H
#define CLI_SIGNER_H

struct ec_key;
struct error;
struct session;

/* The manifest's signing key as far as it counts in the keys of pushes, without its password: session->signer. */
int signer_find(struct session *session, struct error **err);
/* Reads it, with the password in COSIGN_PASSWORD: session->signing_key. Nothing without one. */
int signer_read(struct session *session, struct error **err);
/* Reads a public key from the file `path`, or "env://NAME". */
int signer_read_public(const char *path, struct ec_key **ret, struct error **err);

#endif
