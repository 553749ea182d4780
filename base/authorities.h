#ifndef BASE_AUTHORITIES_H
#define BASE_AUTHORITIES_H

/* The system's certificate authorities as a PEM file: what SSL_CERT_FILE names, else where systems have it. TLS libraries know
 * the place of the system that they were compiled for, and may have come to another one. NULL: there is none, and the library's
 * own way counts. Borrowed. */
const char *authorities_file(void);

#endif
