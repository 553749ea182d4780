#ifndef BASE_CBUILD_VERSION_H
#define BASE_CBUILD_VERSION_H

/* "0.1.0", "0.1.0-12-g0123456789ab": what scripts/version printed when this was compiled. */
extern const char cbuild_version[];

#endif
