#ifndef BASE_MODULE_H
#define BASE_MODULE_H

struct error;

/* Shared libraries that a run with nothing to do does not need (libcurl, libgit2, libcrypto,
 * libarchive, libpcre2) are opened on first use; loading them costs ten times such a run. */

/* One function wanted from a library: where its address goes. */
struct module_symbol {
	const char *name;
	void **address;
};

/* Opens `soname` (for example "libcurl.so.4"; configure finds the names, see config.h) and fills in
 * every symbol up to the one with a NULL name. The library stays open until the process ends.
 * ERROR_TOOL naming the library and the package that has it when it cannot be had. Call it under
 * pthread_once: it writes the symbols without a lock. */
int module_open(const char *soname, const struct module_symbol *symbols, struct error **err);

#endif
