#include "config.h"

#include "engine/oci/estargz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/oci/tar_stream.h"

#define CHUNK ((uint64_t)4 << 20) /* bytes of a file in one gzip member */
#define TOC_NAME "stargz.index.json"
#define LANDMARK ".no.prefetch.landmark"
#define OTHER_LANDMARK ".prefetch.landmark"
#define FOOTER 51

struct estargz {
	pack_sink *sink;
	void *data;
	uint64_t written;      /* bytes of the layer */
	struct packer *member; /* being written, or NULL */
	struct sha256 *diff;
	uint64_t size;
	struct tar_receiver receiver;
	struct tar_stream *stream;
	bool dropping; /* the next entry is one of eStargz's own, to be dropped */
	struct buf toc;
	/* of the file whose content follows */
	struct json *entry;
	struct buf name;
	struct buf chunks; /* the records of all chunks but the first */
	uint64_t at, chunk_at, chunk_offset, first_size;
	char first_digest[DIGEST_LEN + 1];
	struct sha256 *content, *chunk;
};

static int take_layer(void *data, const void *bytes, size_t len, struct error **err)
{
	struct estargz *e = data;

	e->written += len;
	return e->sink(e->data, bytes, len, err);
}

static int end_member(struct estargz *e, struct error **err)
{
	if (!e->member)
		return 0;
	if (packer_end(e->member, err) < 0)
		return -1;
	packer_free(steal_ptr(e->member));
	return 0;
}

/* Adds bytes of the tar to the open member, or to a new one. */
static int estargz_put(struct estargz *e, const void *data, size_t len, struct error **err)
{
	if (len == 0)
		return 0;
	if (!e->member && packer_new(PACKING_GZIP, take_layer, e, &e->member, err) < 0)
		return -1;
	sha256_add(e->diff, data, len);
	e->size += len;
	return packer_add(e->member, data, len, err);
}

/* ---- the table ---- */

static void estargz_add_record(struct estargz *e, const struct json *record)
{
	buf_str(&e->toc, e->toc.len ? ",\n" : "{\"version\":1,\"entries\":[\n");
	json_dump(record, JSON_COMPACT, &e->toc);
}

static const char *type_name(char type)
{
	static const char *const names[] = { "reg", "hardlink", "symlink", "char", "block", "dir", "fifo" };

	return type >= '0' && type <= '6' ? names[type - '0'] : NULL;
}

static int estargz_set_text(struct json *record, const char *key, const struct buf *text, struct error **err)
{
	if (!text->len)
		return 0;
	if (!text_utf8(text->data, text->len)) {
		cleanup_buf struct buf safe = { 0 };

		text_safe(&safe, text->data, text->len);
		return error_make(err, ERROR_STATE, "eStargz cannot store a name that is not UTF-8: %s", safe.data);
	}
	json_set_str(record, key, text->data);
	return 0;
}

static void set_time(struct json *record, int64_t mtime)
{
	time_t seconds = (time_t)mtime;
	char text[40];
	struct tm tm;

	if (mtime != 0 && gmtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		json_set_str(record, "modtime", text);
}

static int set_xattrs(struct json *record, const struct tar_head *head, struct error **err)
{
	struct json *xattrs = head->xattrs_len ? json_new_object() : NULL;

	json_set(record, "xattrs", xattrs);
	for (size_t i = 0; i < head->xattrs_len; i++) {
		cleanup_buf struct buf value = { 0 };
		struct buf name = { .data = head->xattrs[i].name, .len = strlen(head->xattrs[i].name) };

		buf_str(&value, "");
		base64_encode(head->xattrs[i].value, head->xattrs[i].len, &value);
		if (estargz_set_text(xattrs, name.data, &name, err) < 0)
			return -1;
		json_set_str(xattrs, name.data, value.data);
	}
	return 0;
}

static int make_record(const struct tar_head *head, struct json **ret, struct error **err)
{
	cleanup_json struct json *record = json_new_object();
	const char *type = type_name(head->type);

	if (!type)
		return error_make(err, ERROR_STATE, "eStargz cannot store an entry of type '%c'",
				  head->type > ' ' && head->type < 127 ? head->type : '?');
	if (estargz_set_text(record, "name", &head->name, err) < 0)
		return -1;
	json_set_str(record, "type", type);
	if (head->size)
		json_set_int(record, "size", (int64_t)head->size);
	set_time(record, head->mtime);
	if ((head->type == '1' || head->type == '2') && estargz_set_text(record, "linkName", &head->link, err) < 0)
		return -1;
	json_set_int(record, "mode", head->mode);
	json_set_int(record, "uid", head->uid);
	json_set_int(record, "gid", head->gid);
	if (estargz_set_text(record, "userName", &head->user, err) < 0 ||
	    estargz_set_text(record, "groupName", &head->group, err) < 0)
		return -1;
	if (head->type == '3' || head->type == '4') {
		json_set_int(record, "devMajor", head->major);
		json_set_int(record, "devMinor", head->minor);
	}
	if (set_xattrs(record, head, err) < 0)
		return -1;
	*ret = steal_ptr(record);
	return 0;
}

/* ---- the content of a file ---- */

static int begin_content(struct estargz *e, const struct tar_head *head, struct error **err)
{
	buf_reset(&e->name);
	buf_add(&e->name, head->name.data, head->name.len);
	e->at = e->chunk_at = 0;
	e->first_size = 0;
	buf_reset(&e->chunks);
	if (end_member(e, err) < 0)
		return -1;
	e->chunk_offset = e->written;
	json_set_int(e->entry, "offset", (int64_t)e->written);
	return 0;
}

/* The record of a chunk; the first chunk is described by the file's own record. */
static void estargz_end_chunk(struct estargz *e, bool last)
{
	char digest[DIGEST_LEN + 1];
	cleanup_json struct json *record = NULL;

	sha256_done(e->chunk, digest);
	if (e->chunk_at == 0) {
		memcpy(e->first_digest, digest, sizeof(digest));
		e->first_size = last ? 0 : e->at;
		return;
	}
	record = json_new_object();
	json_set_str(record, "name", e->name.data);
	json_set_str(record, "type", "chunk");
	json_set_int(record, "offset", (int64_t)e->chunk_offset);
	json_set_int(record, "chunkOffset", (int64_t)e->chunk_at);
	if (!last)
		json_set_int(record, "chunkSize", (int64_t)(e->at - e->chunk_at));
	json_set_str(record, "chunkDigest", digest);
	buf_str(&e->chunks, ",\n");
	json_dump(record, JSON_COMPACT, &e->chunks);
}

static int estargz_end_content(struct estargz *e, struct error **err)
{
	char digest[DIGEST_LEN + 1];

	estargz_end_chunk(e, true);
	sha256_done(e->content, digest);
	if (e->first_size)
		json_set_int(e->entry, "chunkSize", (int64_t)e->first_size);
	json_set_str(e->entry, "digest", digest);
	json_set_str(e->entry, "chunkDigest", e->first_digest);
	estargz_add_record(e, e->entry);
	buf_add(&e->toc, e->chunks.data ? e->chunks.data : "", e->chunks.len);
	json_free(steal_ptr(e->entry));
	return end_member(e, err);
}

/* At most to the end of the chunk and of the file. */
static int put_content(struct estargz *e, const char *data, size_t len, struct error **err)
{
	if (e->at == e->chunk_at + CHUNK) {
		estargz_end_chunk(e, false);
		if (end_member(e, err) < 0)
			return -1;
		e->chunk_at = e->at;
		e->chunk_offset = e->written;
	}
	sha256_add(e->content, data, len);
	sha256_add(e->chunk, data, len);
	e->at += len;
	return estargz_put(e, data, len, err);
}

/* ---- the entries ---- */

/* Writes one of eStargz's own files. */
static int estargz_put_file(struct estargz *e, const char *name, const char *content, size_t len, struct error **err)
{
	static const char zeros[TAR_BLOCK];
	char block[TAR_BLOCK];

	tar_head_make(name, '0', len, block);
	return estargz_put(e, block, sizeof(block), err) < 0 || estargz_put(e, content, len, err) < 0 ||
			       estargz_put(e, zeros, tar_head_padding(len), err) < 0
		       ? -1
		       : 0;
}

/* eStargz's own files in the input, which are dropped and made again. */
static bool estargz_is_own(const struct buf *name)
{
	const char *s = name->data;

	if (strncmp(s, "./", 2) == 0)
		s += 2;
	return strcmp(s, TOC_NAME) == 0 || strcmp(s, LANDMARK) == 0 || strcmp(s, OTHER_LANDMARK) == 0;
}

static int estargz_begin_entry(void *data, const struct tar_head *head, const char *raw, size_t len, struct error **err)
{
	struct estargz *e = data;

	e->dropping = estargz_is_own(&head->name);
	if (e->dropping)
		return 0;
	if (make_record(head, &e->entry, err) < 0 || estargz_put(e, raw, len, err) < 0)
		return -1;
	if (head->size)
		return begin_content(e, head, err);
	estargz_add_record(e, e->entry);
	json_free(steal_ptr(e->entry));
	return 0;
}

static int estargz_take_content(void *data, const char *bytes, size_t len, struct error **err)
{
	struct estargz *e = data;

	while (len > 0 && !e->dropping) {
		uint64_t left = CHUNK - e->at % CHUNK;
		size_t some = len < left ? len : (size_t)left;

		if (put_content(e, bytes, some, err) < 0)
			return -1;
		bytes += some;
		len -= some;
	}
	return 0;
}

static int take_content_end(void *data, struct error **err)
{
	struct estargz *e = data;

	return e->dropping ? 0 : estargz_end_content(e, err);
}

static int take_padding(void *data, const char *bytes, size_t len, struct error **err)
{
	struct estargz *e = data;

	return e->dropping ? 0 : estargz_put(e, bytes, len, err);
}

static int add_landmark(struct estargz *e, struct error **err)
{
	static const char zeros[TAR_BLOCK - 1];
	cleanup_tar_head struct tar_head head = { 0 };
	char block[TAR_BLOCK];

	tar_head_make(LANDMARK, '0', 1, block);
	return tar_head_read(&head, block, err) < 0 || make_record(&head, &e->entry, err) < 0 ||
			       estargz_put(e, block, sizeof(block), err) < 0 || begin_content(e, &head, err) < 0 ||
			       put_content(e, "\x0f", 1, err) < 0 || estargz_end_content(e, err) < 0 ||
			       estargz_put(e, zeros, sizeof(zeros), err) < 0
		       ? -1
		       : 0;
}

int estargz_new(pack_sink *sink, void *data, struct estargz **ret, struct error **err)
{
	cleanup_estargz struct estargz *e = mem_alloc(sizeof(*e));

	e->sink = sink;
	e->data = data;
	e->receiver =
		(struct tar_receiver){ estargz_begin_entry, estargz_take_content, take_content_end, take_padding, e };
	e->stream = tar_stream_new(&e->receiver);
	if (sha256_new(&e->diff, err) < 0 || sha256_new(&e->content, err) < 0 || sha256_new(&e->chunk, err) < 0 ||
	    add_landmark(e, err) < 0)
		return -1;
	*ret = steal_ptr(e);
	return 0;
}

void estargz_free(struct estargz *e)
{
	if (!e)
		return;
	packer_free(e->member);
	sha256_free(e->diff);
	sha256_free(e->content);
	sha256_free(e->chunk);
	json_free(e->entry);
	tar_stream_free(e->stream);
	buf_free(&e->name);
	buf_free(&e->toc);
	buf_free(&e->chunks);
	free(e);
}

void estargz_cleanup(struct estargz **estargz)
{
	estargz_free(*estargz);
}

int estargz_add(struct estargz *e, const void *data, size_t len, struct error **err)
{
	return tar_stream_add(e->stream, data, len, err);
}

/* An empty gzip member whose extra field contains the offset of the table. */
static int put_footer(struct estargz *e, uint64_t toc, struct error **err)
{
	static const char head[] = "\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0SG\x16";
	static const char tail[] = "\x01\0\0\xff\xff\0\0\0\0\0\0\0";
	char footer[FOOTER + 1];

	memcpy(footer, head, sizeof(head));
	snprintf(footer + sizeof(head), sizeof(footer) - sizeof(head), "%016llxSTARGZ", (unsigned long long)toc);
	memcpy(footer + FOOTER - sizeof(tail), tail, sizeof(tail));
	return take_layer(e, footer, FOOTER, err);
}

int estargz_end(struct estargz *e, struct estargz_result *ret, struct error **err)
{
	static const char end[2 * TAR_BLOCK];
	uint64_t toc;

	if (tar_stream_end(e->stream, err) < 0)
		return -1;
	buf_str(&e->toc, "\n]}\n");
	if (digest_bytes(e->toc.data, e->toc.len, ret->toc_digest, err) < 0 || end_member(e, err) < 0)
		return -1;
	toc = e->written;
	if (estargz_put_file(e, TOC_NAME, e->toc.data, e->toc.len, err) < 0 ||
	    estargz_put(e, end, sizeof(end), err) < 0 || end_member(e, err) < 0 || put_footer(e, toc, err) < 0)
		return -1;
	sha256_done(e->diff, ret->diff_id);
	ret->size = e->size;
	return digest_valid(ret->diff_id) ? 0 : error_make(err, ERROR_INTERNAL, "cannot compute a sha256");
}
