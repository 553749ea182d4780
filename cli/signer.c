#include "config.h"

#include "cli/signer.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ec_key.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/xxh3.h"
#include "cli/session.h"
#include "dsl/manifest.h"

#define KEY_MAX (1u << 20) /* bytes of a key file */
#define VARIABLE "env://"

static int read_key(const char *where, struct buf *ret, struct error **err)
{
	const char *value;

	if (strncmp(where, VARIABLE, strlen(VARIABLE)) != 0)
		return fs_read(where, KEY_MAX, ret, err);
	value = getenv(where + strlen(VARIABLE));
	if (!value)
		return error_make(err, ERROR_USAGE, "the key is to be in %s, which is not set", where + strlen(VARIABLE));
	buf_str(ret, value);
	return 0;
}

int signer_find(struct session *session, struct error **err)
{
	const char *where = session->manifest->sign_key.s;
	cleanup_buf struct buf text = { 0 };
	char hex[HASH_HEX + 1];

	if (!where)
		return 0;
	if (read_key(where, &text, err) < 0)
		return -1;
	hash_hex(hash_bytes(text.data, text.len), hex);
	session->signer = mem_strdup(hex);
	return 0;
}

int signer_read(struct session *session, struct error **err)
{
	const char *where = session->manifest->sign_key.s;
	cleanup_buf struct buf text = { 0 };

	if (!where || session->signing_key)
		return 0;
	return read_key(where, &text, err) < 0
		       ? -1
		       : ec_key_read_private(&text, getenv("COSIGN_PASSWORD"), where, &session->signing_key, err);
}

int signer_read_public(const char *path, struct ec_key **ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	return read_key(path, &text, err) < 0 ? -1 : ec_key_read_public(&text, path, ret, err);
}
