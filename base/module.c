#include "config.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/module.h"

/* Which package has a library, by the start of its soname. */
static const struct {
	const char *prefix;
	const char *debian;
	const char *fedora;
} packages[] = {
	{ "libcurl", "libcurl4", "libcurl" },
	{ "libgit2", "libgit2", "libgit2" },
	{ "libcrypto", "libssl3", "openssl-libs" },
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

int module_open(const char *soname, const struct module_symbol *symbols, struct error **err)
{
	/* Lazy: binding all of libcurl's own symbols costs more than the few that are called. */
	void *library = dlopen(soname, RTLD_LAZY | RTLD_LOCAL);

	if (!library) {
		const char *why = dlerror();

		error_make(err, ERROR_TOOL, "cannot load %s: %s", soname, why ? why : "unknown reason");
		add_remedy(soname, err);
		return -1;
	}
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
	return 0;
}
