#include "config.h"

#include "base/bcrypt.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/module.h"

#define PREFIX "$2a$"

#define FUNCTIONS(X)        \
	X(crypt_gensalt_ra) \
	X(crypt_ra)

#define MODULE hashing
static struct {
	MODULE_STATE(FUNCTIONS)
} hashing = MODULE_INIT;

static void bcrypt_load(void)
{
	static const struct module_symbol symbols[] = { MODULE_SYMBOLS(FUNCTIONS) };

	module_open(CBUILD_LIBCRYPT, symbols, &hashing.error);
}

char *bcrypt_hash(const char *password, unsigned cost, struct error **err)
{
	cleanup_free char *salt = NULL;
	void *room = NULL;
	const char *hash;
	char *made = NULL;
	int size = 0;

	pthread_once(&hashing.once, bcrypt_load);
	if (hashing.error) {
		error_copy(err, hashing.error);
		return NULL;
	}
	salt = hashing.crypt_gensalt_ra(PREFIX, cost, NULL, 0);
	hash = salt ? hashing.crypt_ra(password, salt, &room, &size) : NULL;
	if (hash)
		made = mem_strdup(hash);
	else
		error_make(err, ERROR_TOOL, "%s has no bcrypt", CBUILD_LIBCRYPT);
	free(room);
	return made;
}
