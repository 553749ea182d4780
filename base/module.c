#include "config.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/module.h"
#include "base/debug_trace.h"

/* The package that contains a library, by the start of its soname. */
static const struct {
	const char *prefix;
	const char *debian;
	const char *fedora;
} packages[] = {
	{ "libcurl", "libcurl4", "libcurl" },
	{ "libgit2", "libgit2", "libgit2" },
	{ "libcrypto", "libssl3", "openssl-libs" },
	{ "libcrypt.", "libcrypt1", "libxcrypt" },
	{ "libarchive", "libarchive13", "libarchive" },
	{ "libpcre2-8", "libpcre2-8-0", "pcre2" },
	{ "libsqlite3", "libsqlite3-0", "sqlite-libs" },
	{ "libssl", "libssl3", "openssl-libs" },
	{ "libnghttp2", "libnghttp2-14", "libnghttp2" },
	{ "libprotobuf-c", "libprotobuf-c1", "protobuf-c" },
};

static void add_remedy(const char *soname, struct error **err)
{
	for (size_t i = 0; i < sizeof(packages) / sizeof(packages[0]); i++) {
		if (strncmp(soname, packages[i].prefix, strlen(packages[i].prefix)) != 0)
			continue;
		error_remedy(err, "install %s (package %s on Debian and Ubuntu, %s on Fedora)", soname,
			     packages[i].debian, packages[i].fedora);
		return;
	}
	error_remedy(err, "install the package that has %s", soname);
}

static void module_trace(const char *soname, int64_t begun, const char *why)
{
	struct json *line = trace_begin("module");

	trace_str(line, "name", soname);
	json_set_int(line, "took_us", trace_now() - begun);
	trace_str(line, "error", why);
	trace_end(line);
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return mem_malloc(size);
}

static void *crypto_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return mem_realloc(p, size);
}

static void crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* Without memory libcrypto crashes while it starts. It is part of several libraries; only the first call, before it has allocated
 * anything, has an effect. */
static void guard_crypto(void *library)
{
	int (*set)(void *(*)(size_t, const char *, int), void *(*)(void *, size_t, const char *, int),
		   void (*)(void *, const char *, int));
	void *address = dlsym(library, "CRYPTO_set_mem_functions");

	if (!address)
		return;
	memcpy(&set, &address, sizeof(set));
	set(crypto_malloc, crypto_realloc, crypto_free);
}

int module_open(const char *soname, const struct module_symbol *symbols, struct error **err)
{
	int64_t begun = trace_on() ? trace_now() : 0;
	/* Lazy: binding all of libcurl's symbols costs more than binding the few that are called. */
	void *library = dlopen(soname, RTLD_LAZY | RTLD_LOCAL);

	if (!library) {
		const char *why = dlerror();

		if (trace_on())
			module_trace(soname, begun, why);
		error_make(err, ERROR_TOOL, "cannot load %s: %s", soname, why ? why : "unknown reason");
		add_remedy(soname, err);
		return -1;
	}
	guard_crypto(library);
	for (const struct module_symbol *symbol = symbols; symbol->name; symbol++) {
		void *address = dlsym(library, symbol->name);

		if (!address && symbol->optional)
			continue;
		if (!address) {
			error_make(err, ERROR_TOOL, "%s is too old: it has no function %s", soname, symbol->name);
			add_remedy(soname, err);
			dlclose(library);
			return -1;
		}
		/* The target is a function pointer of another type, so copy bytes. */
		memcpy(symbol->address, &address, sizeof(address));
	}
	if (trace_on())
		module_trace(soname, begun, NULL);
	return 0;
}
