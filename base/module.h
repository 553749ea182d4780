#ifndef BASE_MODULE_H
#define BASE_MODULE_H

#include <pthread.h>
#include <stdbool.h>

struct error;

/* Shared libraries that a run with nothing to do does not need (libcurl, libgit2, libcrypto, libarchive, libpcre2)
 * are opened on first use: loading them takes ten times as long as such a run. */

/* One function wanted from a library: where its address goes. */
struct module_symbol {
	const char *name;
	void **address;
	bool optional; /* NULL is stored when this version of the library lacks it */
};

/* Opens `soname` (for example "libcurl.so.4"; configure finds the names, see config.h) and resolves the symbols, up
 * to one with a NULL name. The library stays open until the process exits. On failure, ERROR_TOOL with the library
 * and the package that contains it. Call it under pthread_once: it writes the symbols without a lock. */
int module_open(const char *soname, const struct module_symbol *symbols, struct error **err);

/*
 * The way every file that wraps a library does it:
 *
 *   #define FUNCTIONS(X) X(curl_easy_init) X(curl_easy_cleanup) ...
 *   #define MODULE curl
 *   static struct {
 *           MODULE_STATE(FUNCTIONS)
 *   } curl = MODULE_INIT;
 *
 *   static void load(void)
 *   {
 *           static const struct module_symbol symbols[] = { MODULE_SYMBOLS(FUNCTIONS) };
 *
 *           module_open(CBUILD_LIBCURL, symbols, &curl.error);
 *   }
 *
 * and, before the first call, pthread_once(&curl.once, load), where curl.error says why it could not be loaded. Written
 * once, under `once`, and only read afterwards. Types come from the library's own header.
 */
#define MODULE_STATE(FUNCTIONS) \
	pthread_once_t once;    \
	struct error *error;    \
	FUNCTIONS(MODULE_MEMBER)
#define MODULE_MEMBER(name) __typeof__(name) *name;
#define MODULE_INIT                       \
	{                                 \
		.once = PTHREAD_ONCE_INIT \
	}
#define MODULE_SYMBOLS(FUNCTIONS) \
	FUNCTIONS(MODULE_SYMBOL)  \
	{                         \
		NULL, NULL, false \
	}
#define MODULE_SYMBOL(name) { #name, (void **)&MODULE.name, false },

#endif
