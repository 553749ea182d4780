#ifndef BASE_BCRYPT_H
#define BASE_BCRYPT_H

struct error;

/* The hash of a password in bcrypt's form ("$2a$10$...", malloc'd), with a new salt each time (libcrypt, loaded on first use). `cost` is from 4
 * to 31; each step takes twice the time. NULL: ERROR_TOOL. */
char *bcrypt_hash(const char *password, unsigned cost, struct error **err);

#endif
