#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/base64.h"
#include "base/bcrypt.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rsa_key.h"
#include "base/text.h"
#include "dsl/hcl/body.h"
#include "dsl/hcl/cursor.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/expression.h"
#include "dsl/hcl/functions.h"

/* Functions that encode, decode and hash. */

#define BCRYPT_COST 10 /* when none is asked for, or less than the least */
#define BCRYPT_COST_MIN 4
#define BCRYPT_COST_MAX 31
#define BCRYPT_BYTES_MAX 72 /* what is beyond would not count */

static const struct hcl_value *fn_base64encode(struct hcl_call *c)
{
	struct buf out = { 0 };

	buf_str(&out, "");
	base64_encode(c->args[0]->text, strlen(c->args[0]->text), &out);
	return hcl_string_take(c->e->heap, &out);
}

static const struct hcl_value *fn_base64decode(struct hcl_call *c)
{
	struct buf out cleanup_buf = { 0 };

	buf_str(&out, "");
	if (!base64_decode(c->args[0]->text, &out) || !text_utf8(out.data, out.len))
		return hcl_refuse(c, 0, "this is not the base64 of a text");
	return hcl_string_take(c->e->heap, &out);
}

static const struct hcl_value *fn_urlencode(struct hcl_call *c)
{
	struct buf out = { 0 };

	buf_str(&out, "");
	for (const char *s = c->args[0]->text; *s; s++) {
		if (*s == ' ')
			buf_char(&out, '+');
		else if (hcl_word_rune((unsigned char)*s) || strchr("-.~", *s))
			buf_char(&out, *s);
		else
			buf_printf(&out, "%%%02X", (unsigned char)*s);
	}
	return hcl_string_take(c->e->heap, &out);
}

static const struct hcl_value *fn_jsonencode(struct hcl_call *c)
{
	struct buf out = { 0 };

	hcl_json(&out, c->args[0]);
	return hcl_string_take(c->e->heap, &out);
}

static const struct hcl_value *fn_jsondecode(struct hcl_call *c)
{
	struct hcl_cursor cursor = { .heap = c->e->heap, .text = c->args[0]->text, .inside = 1, .plain = true, .fixed = true };
	const struct hcl_expr *expr;

	cursor.place = c->args[0]->place;
	expr = hcl_parse_json_value(&cursor);
	free(cursor.open);
	if (!expr || hcl_peek(&cursor))
		return hcl_refuse(c, 0, "this is not JSON");
	return hcl_json_literal(c->e->heap, expr);
}

/* A field, in quotes or not; `*s` goes to what ends it. False when quotes are wrong. */
static bool take_csv_field(const char **s, struct buf *out)
{
	buf_reset(out);
	buf_str(out, "");
	if (**s != '"') {
		size_t len = strcspn(*s, ",\r\n");

		buf_add(out, *s, len);
		*s += len;
		return !memchr(out->data, '"', len);
	}
	for (++*s; **s && !(**s == '"' && (*s)[1] != '"'); ++*s) {
		*s += **s == '"';
		buf_char(out, **s);
	}
	return *(*s)++ == '"' && (!**s || strchr(",\r\n", **s));
}

/* A line's fields; NULL after a complaint. */
static const struct hcl_value *csv_line(struct hcl_call *c, const char **s)
{
	const struct hcl_value **fields = NULL, *made = NULL;
	struct buf field cleanup_buf = { 0 };
	size_t len = 0, cap = 0;
	bool good;

	do {
		good = take_csv_field(s, &field);
		mem_reserve(&fields, &cap, len + 1, sizeof(struct hcl_value *));
		fields[len++] = hcl_text(c->e->heap, field.data, field.len);
	} while (good && **s == ',' && (*s)++);
	*s += **s == '\r';
	*s += **s == '\n';
	if (good)
		made = hcl_sequence(c->e->heap, HCL_LIST, fields, len);
	else
		hcl_refuse(c, 0, "this is not CSV");
	free(fields);
	return made;
}

static const struct hcl_value *fn_csvdecode(struct hcl_call *c)
{
	const char *s = c->args[0]->text;
	const struct hcl_value *head = csv_line(c, &s), **rows = NULL, *made;
	const char **keys;
	size_t len = 0, cap = 0;
	bool good = head != NULL;

	keys = arena_array(c->e->heap->arena, good ? head->len : 0, sizeof(*keys));
	for (size_t i = 0; good && i < head->len; i++)
		keys[i] = head->items[i]->text;
	while (good && *s) {
		const struct hcl_value *line;

		if (*s == '\n' || *s == '\r') {
			s++;
			continue;
		}
		line = csv_line(c, &s);
		good = line && (line->len == head->len || hcl_refuse(c, 0, "the lines have different numbers of fields"));
		if (!good)
			break;
		mem_reserve(&rows, &cap, len + 1, sizeof(struct hcl_value *));
		rows[len++] = hcl_mapping(c->e->heap, HCL_OBJECT, keys, line->items, line->len);
	}
	made = good ? hcl_sequence(c->e->heap, HCL_LIST, rows, len) : NULL;
	free(rows);
	return made;
}

static void put_hex(struct buf *out, const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "%02x", bytes[i]);
}

static const struct hcl_value *fn_hash(struct hcl_call *c)
{
	static const char *const names[] = { "md5", "sha1", "sha256", "sha512" };
	static const char *const algorithms[] = { "MD5", "SHA1", "SHA2-256", "SHA2-512" };
	unsigned char bytes[DIGEST_BYTES_MAX];
	struct error *error = NULL;
	struct buf out = { 0 };
	size_t which = 0, len;

	while (strcmp(names[which], c->name) != 0)
		which++;
	if (digest_named(algorithms[which], c->args[0]->text, strlen(c->args[0]->text), bytes, &len, &error) < 0) {
		hcl_refuse(c, 0, "%s", error->message);
		error_free(error);
		return NULL;
	}
	put_hex(&out, bytes, len);
	return hcl_string_take(c->e->heap, &out);
}

/* The salt is new each time, as in bake: what uses the hash is another one in every run. */
static const struct hcl_value *fn_bcrypt(struct hcl_call *c)
{
	struct error *error = NULL;
	char *hash;
	long cost = BCRYPT_COST;

	if (c->len > 2)
		return hcl_fail(c->e, c->place, NULL, "bcrypt() takes no more than two arguments");
	if (c->len > 1 && !hcl_whole(c, 1, LONG_MIN, BCRYPT_COST_MAX, &cost))
		return NULL;
	if (strlen(c->args[0]->text) > BCRYPT_BYTES_MAX)
		return hcl_refuse(c, 0, "bcrypt takes at most %d bytes", BCRYPT_BYTES_MAX);
	hash = bcrypt_hash(c->args[0]->text, cost < BCRYPT_COST_MIN ? BCRYPT_COST : (unsigned)cost, &error);
	if (hash) {
		const struct hcl_value *value = hcl_text(c->e->heap, hash, strlen(hash));

		free(hash);
		return value;
	}
	hcl_refuse(c, 0, "%s", error->message);
	error_free(error);
	return NULL;
}

/* The key is no part of a complaint. */
static const struct hcl_value *fn_rsadecrypt(struct hcl_call *c)
{
	struct buf bytes cleanup_buf = { 0 }, out = { 0 };
	struct error *error = NULL;

	if (!base64_decode(c->args[0]->text, &bytes))
		return hcl_refuse(c, 0, "this is not base64");
	buf_str(&out, "");
	if (rsa_key_decrypt(c->args[1]->text, bytes.data ? bytes.data : "", bytes.len, &out, &error) < 0)
		hcl_refuse(c, 1, "%s", error->message);
	else if (!text_utf8(out.data, out.len))
		hcl_refuse(c, 0, "what it contains is not a text");
	else
		return hcl_string_take(c->e->heap, &out);
	buf_free(&out);
	error_free(error);
	return NULL;
}

/* The text of a UUID, with its version and variant (RFC 4122) set. */
static const struct hcl_value *uuid_text(struct hcl_call *c, unsigned char bytes[16], unsigned version)
{
	struct buf out = { 0 };

	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | version << 4);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < 16; i++)
		buf_printf(&out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
	return hcl_string_take(c->e->heap, &out);
}

static const struct hcl_value *fn_uuidv4(struct hcl_call *c)
{
	unsigned char bytes[16];

	if (getentropy(bytes, sizeof(bytes)) != 0)
		return hcl_refuse(c, 0, "there are no random bytes");
	return uuid_text(c, bytes, 4);
}

/* A UUID's 16 bytes, from its hexadecimal digits. */
static bool uuid_parse(const char *text, unsigned char ret[16])
{
	size_t len = 0;

	for (; *text && len < 32; text += *text == '-') {
		static const char digits[] = "0123456789abcdef0123456789ABCDEF";
		const char *found = strchr(digits, *text);

		if (!found)
			return false;
		ret[len / 2] = (unsigned char)(ret[len / 2] << 4 | ((found - digits) & 0xf));
		len++;
		text++;
	}
	return len == 32 && !*text;
}

static const struct hcl_value *fn_uuidv5(struct hcl_call *c)
{
	static const char *const names[] = { "dns", "url", "oid", "x500" };
	unsigned char space[16] = { 0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
				    0x80, 0xb4, 0,    0xc0, 0x4f, 0xd4, 0x30, 0xc8 };
	unsigned char bytes[DIGEST_BYTES_MAX];
	struct buf text cleanup_buf = { 0 };
	struct error *error = NULL;
	size_t which = 0, len;

	while (which < 4 && strcmp(names[which], c->args[0]->text) != 0)
		which++;
	if (which < 4)
		space[3] = (unsigned char)(space[3] + which + (which == 3));
	else if (!uuid_parse(c->args[0]->text, space))
		return hcl_refuse(c, 0, "\"%s\" is neither a UUID nor dns, url, oid or x500", c->args[0]->text);
	buf_add(&text, space, sizeof(space));
	buf_str(&text, c->args[1]->text);
	if (digest_named("SHA1", text.data, text.len, bytes, &len, &error) < 0) {
		hcl_refuse(c, 0, "%s", error->message);
		error_free(error);
		return NULL;
	}
	return uuid_text(c, bytes, 5);
}

const struct hcl_function_row hcl_encode_functions[] = {
	{ "base64decode", fn_base64decode, "s" },
	{ "base64encode", fn_base64encode, "s" },
	{ "bcrypt", fn_bcrypt, "sn." },
	{ "csvdecode", fn_csvdecode, "s" },
	{ "jsondecode", fn_jsondecode, "s" },
	{ "jsonencode", fn_jsonencode, "?" },
	{ "md5", fn_hash, "s" },
	{ "rsadecrypt", fn_rsadecrypt, "ss" },
	{ "sha1", fn_hash, "s" },
	{ "sha256", fn_hash, "s" },
	{ "sha512", fn_hash, "s" },
	{ "urlencode", fn_urlencode, "s" },
	{ "uuidv4", fn_uuidv4, "" },
	{ "uuidv5", fn_uuidv5, "ss" },
	{ 0 },
};
