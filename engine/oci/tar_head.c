#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/oci/tar_head.h"

#define EXTENSION_MAX (16u << 20) /* bytes of pax records, or of a long name */
#define XATTR "SCHILY.xattr."
#define GNU_SPARSE "GNU.sparse."

/* Offsets of the fields: pax, "ustar Interchange Format". */
enum {
	NAME = 0,
	NAME_LEN = 100,
	MODE = 100,
	UID = 108,
	GID = 116,
	ID_LEN = 8,
	SIZE = 124,
	MTIME = 136,
	LONG_LEN = 12,
	SUM = 148,
	SUM_LEN = 8,
	TYPE = 156,
	LINK = 157,
	MAGIC = 257,
	USER = 265,
	GROUP = 297,
	USER_LEN = 32,
	MAJOR = 329,
	MINOR = 337,
	PREFIX = 345,
	PREFIX_LEN = 155
};

bool tar_head_is_end(const char block[TAR_BLOCK])
{
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

static int tar_head_damaged(const char *what, struct error **err)
{
	return error_make(err, ERROR_STATE, "the layer's tar has %s", what);
}

/* Octal digits with blanks around them, or (GNU) a big-endian number marked by the first bit. */
static int tar_head_number(const char *field, size_t len, int64_t *ret, struct error **err)
{
	const unsigned char *bytes = (const unsigned char *)field;
	size_t i = 0;

	*ret = 0;
	if (bytes[0] & 0x80) {
		bool negative = bytes[0] & 0x40;
		uint64_t value = negative ? UINT64_MAX : 0;

		for (i = 0; i < len; i++) {
			unsigned char byte = i == 0 && !negative ? bytes[0] & 0x7f : bytes[i];

			if (value >> 55 != (negative ? 0x1ff : 0))
				return tar_head_damaged("a number that is too large", err);
			value = value << 8 | byte;
		}
		*ret = (int64_t)value;
		return 0;
	}
	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
		*ret = *ret * 8 + (field[i] - '0');
	return i == len || field[i] == ' ' || field[i] == '\0' ? 0 : tar_head_damaged("an invalid number", err);
}

static void text(struct buf *out, const char *field, size_t len)
{
	buf_add(out, field, strnlen(field, len));
}

static int check_sum(const char *block, struct error **err)
{
	int64_t said, sum = 0;

	if (tar_head_number(block + SUM, SUM_LEN, &said, err) < 0)
		return -1;
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= SUM && i < SUM + SUM_LEN ? ' ' : (unsigned char)block[i];
	return sum == said ? 0 : tar_head_damaged("a header with a wrong checksum", err);
}

static bool is_extension(char type)
{
	return type == 'x' || type == 'g' || type == 'L' || type == 'K';
}

static bool has_content(char type)
{
	return type == '0' || is_extension(type);
}

static int read_numbers(struct tar_head *head, const char *block, struct error **err)
{
	bool device = block[TYPE] == '3' || block[TYPE] == '4';
	int64_t size;

	if (tar_head_number(block + MODE, ID_LEN, &head->mode, err) < 0 ||
	    tar_head_number(block + UID, ID_LEN, &head->uid, err) < 0 ||
	    tar_head_number(block + GID, ID_LEN, &head->gid, err) < 0 ||
	    tar_head_number(block + SIZE, LONG_LEN, &size, err) < 0 ||
	    tar_head_number(block + MTIME, LONG_LEN, &head->mtime, err) < 0 ||
	    (device && (tar_head_number(block + MAJOR, ID_LEN, &head->major, err) < 0 ||
			tar_head_number(block + MINOR, ID_LEN, &head->minor, err) < 0)))
		return -1;
	if (size < 0)
		return tar_head_damaged("a negative size", err);
	head->size = (uint64_t)size;
	return 0;
}

static void read_texts(struct tar_head *head, const char *block)
{
	if (memcmp(block + MAGIC, "ustar", 6) == 0 && block[PREFIX]) {
		text(&head->name, block + PREFIX, PREFIX_LEN);
		buf_char(&head->name, '/');
	}
	text(&head->name, block + NAME, NAME_LEN);
	text(&head->link, block + LINK, NAME_LEN);
	if (memcmp(block + MAGIC, "ustar", 5) == 0) {
		text(&head->user, block + USER, USER_LEN);
		text(&head->group, block + GROUP, USER_LEN);
	}
}

static void tar_head_replace(struct buf *out, const char *data, size_t len)
{
	buf_reset(out);
	buf_add(out, data, len);
}

static void add_xattr(struct tar_head *head, const char *name, size_t name_len, const char *value, size_t len)
{
	struct tar_xattr *xattr;

	mem_reserve(&head->xattrs, &head->xattrs_cap, head->xattrs_len + 1, sizeof(*head->xattrs));
	xattr = &head->xattrs[head->xattrs_len++];
	xattr->name = mem_strndup(name, name_len);
	xattr->value = mem_alloc(len + 1);
	memcpy(xattr->value, value, len);
	xattr->len = len;
}

/* Seconds; a fraction is dropped. */
static int pax_number(const char *value, size_t len, int64_t *ret, struct error **err)
{
	cleanup_free char *copy = mem_strndup(value, len);
	char *end;

	*ret = strtoll(copy, &end, 10);
	return end != copy && (!*end || *end == '.') ? 0 : tar_head_damaged("an invalid pax number", err);
}

static bool tar_head_is(const char *key, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(key, name, len) == 0;
}

static int take_pax(struct tar_head *head, const char *key, size_t key_len, const char *value, size_t len,
		    struct error **err)
{
	int64_t size;

	if (key_len > strlen(GNU_SPARSE) && memcmp(key, GNU_SPARSE, strlen(GNU_SPARSE)) == 0)
		return tar_head_damaged("a sparse file", err);
	if (key_len > strlen(XATTR) && memcmp(key, XATTR, strlen(XATTR)) == 0)
		add_xattr(head, key + strlen(XATTR), key_len - strlen(XATTR), value, len);
	else if (tar_head_is(key, key_len, "path"))
		tar_head_replace(&head->name, value, len);
	else if (tar_head_is(key, key_len, "linkpath"))
		tar_head_replace(&head->link, value, len);
	else if (tar_head_is(key, key_len, "uname"))
		tar_head_replace(&head->user, value, len);
	else if (tar_head_is(key, key_len, "gname"))
		tar_head_replace(&head->group, value, len);
	else if (tar_head_is(key, key_len, "uid"))
		return pax_number(value, len, &head->uid, err);
	else if (tar_head_is(key, key_len, "gid"))
		return pax_number(value, len, &head->gid, err);
	else if (tar_head_is(key, key_len, "mtime"))
		return pax_number(value, len, &head->mtime, err);
	else if (tar_head_is(key, key_len, "size")) {
		if (pax_number(value, len, &size, err) < 0)
			return -1;
		if (size < 0)
			return tar_head_damaged("a negative size", err);
		head->size = (uint64_t)size;
	}
	return 0;
}

/* "LENGTH KEY=VALUE
 * "; LENGTH counts the whole record. */
static int apply_pax(struct tar_head *head, struct error **err)
{
	const char *at = head->pax.data;
	size_t left = head->pax.len;

	while (left > 0) {
		size_t digits = 0, len = 0;
		const char *key, *equals;

		while (digits < left && at[digits] >= '0' && at[digits] <= '9' && len <= left)
			len = len * 10 + (size_t)(at[digits++] - '0');
		if (digits == 0 || len > left || len < digits + 3 || at[digits] != ' ' || at[len - 1] != '\n')
			return tar_head_damaged("an invalid pax record", err);
		key = at + digits + 1;
		equals = memchr(key, '=', len - digits - 2);
		if (!equals)
			return tar_head_damaged("an invalid pax record", err);
		if (take_pax(head, key, (size_t)(equals - key), equals + 1, (size_t)(at + len - 1 - equals - 1), err) < 0)
			return -1;
		at += len;
		left -= len;
	}
	return 0;
}

int tar_head_read(struct tar_head *head, const char block[TAR_BLOCK], struct error **err)
{
	char type = block[TYPE];

	head->type = type == '\0' || type == '7' ? '0' : type;
	if (check_sum(block, err) < 0 || read_numbers(head, block, err) < 0)
		return -1;
	if (is_extension(head->type))
		return head->size <= EXTENSION_MAX ? 0 : tar_head_damaged("a header that is too long", err);
	read_texts(head, block);
	if (head->long_name.len)
		tar_head_replace(&head->name, head->long_name.data, strnlen(head->long_name.data, head->long_name.len));
	if (head->long_link.len)
		tar_head_replace(&head->link, head->long_link.data, strnlen(head->long_link.data, head->long_link.len));
	if (apply_pax(head, err) < 0)
		return -1;
	if (!head->name.len)
		return tar_head_damaged("an entry without a name", err);
	/* Before POSIX, a folder was a file whose name ends in a slash. */
	if (type == '\0' && head->name.data[head->name.len - 1] == '/')
		head->type = '5';
	if (!has_content(head->type))
		head->size = 0;
	return 1;
}

int tar_head_extend(struct tar_head *head, const char *data, size_t len, struct error **err)
{
	struct buf *into = head->type == 'L' ? &head->long_name : head->type == 'K' ? &head->long_link : &head->pax;

	if (head->type == 'g') /* global records: nothing here needs them */
		return 0;
	if (into->len + len > EXTENSION_MAX)
		return tar_head_damaged("a header that is too long", err);
	buf_add(into, data, len);
	return 0;
}

static void free_xattrs(struct tar_head *head)
{
	for (size_t i = 0; i < head->xattrs_len; i++) {
		free(head->xattrs[i].name);
		free(head->xattrs[i].value);
	}
	head->xattrs_len = 0;
}

void tar_head_reset(struct tar_head *head)
{
	buf_reset(&head->name);
	buf_reset(&head->link);
	buf_reset(&head->user);
	buf_reset(&head->group);
	buf_reset(&head->pax);
	buf_reset(&head->long_name);
	buf_reset(&head->long_link);
	free_xattrs(head);
	head->size = 0;
	head->major = head->minor = 0;
}

void tar_head_free(struct tar_head *head)
{
	free_xattrs(head);
	free(head->xattrs);
	buf_free(&head->name);
	buf_free(&head->link);
	buf_free(&head->user);
	buf_free(&head->group);
	buf_free(&head->pax);
	buf_free(&head->long_name);
	buf_free(&head->long_link);
}

/* Octal, or GNU's form for numbers of more than 11 digits. */
static void put_size(uint64_t size, char *field)
{
	if (size < (uint64_t)1 << 33) {
		snprintf(field, LONG_LEN, "%011llo", (unsigned long long)size);
		return;
	}
	for (size_t i = LONG_LEN; i-- > 0; size >>= 8)
		field[i] = (char)size;
	field[0] = (char)0x80;
}

void tar_head_make(const char *name, char type, uint64_t size, char ret_block[TAR_BLOCK])
{
	unsigned sum = 0;

	memset(ret_block, 0, TAR_BLOCK);
	memcpy(ret_block + NAME, name, strlen(name));
	memcpy(ret_block + MODE, type == '5' ? "0000755" : "0000444", 8);
	memcpy(ret_block + UID, "0000000", 8);
	memcpy(ret_block + GID, "0000000", 8);
	put_size(size, ret_block + SIZE);
	memcpy(ret_block + MTIME, "00000000000", LONG_LEN);
	memset(ret_block + SUM, ' ', SUM_LEN);
	ret_block[TYPE] = type;
	memcpy(ret_block + MAGIC,
	       "ustar\0"
	       "00",
	       8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)ret_block[i];
	snprintf(ret_block + SUM, SUM_LEN, "%06o", sum);
}

size_t tar_head_padding(uint64_t size)
{
	return (size_t)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}
