#include "config.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/module.h"
#include "base/text.h"
#include "engine/oci/pack.h"

#define BLOCK ((size_t)256 * 1024)

#define FUNCTIONS(X)                         \
	X(archive_read_new)                  \
	X(archive_read_support_format_raw)   \
	X(archive_read_support_filter_gzip)  \
	X(archive_read_support_filter_zstd)  \
	X(archive_read_open_fd)              \
	X(archive_read_open_memory)          \
	X(archive_read_next_header)          \
	X(archive_read_data_block)           \
	X(archive_read_free)                 \
	X(archive_write_new)                 \
	X(archive_write_set_format_raw)      \
	X(archive_write_add_filter_gzip)     \
	X(archive_write_add_filter_zstd)     \
	X(archive_write_set_filter_option)   \
	X(archive_write_set_bytes_per_block) \
	X(archive_write_open)                \
	X(archive_write_header)              \
	X(archive_write_data)                \
	X(archive_write_close)               \
	X(archive_write_free)                \
	X(archive_error_string)              \
	X(archive_entry_new)                 \
	X(archive_entry_free)                \
	X(archive_entry_set_pathname)        \
	X(archive_entry_set_filetype)

#define MODULE lib
static struct {
	MODULE_STATE(FUNCTIONS)
} lib = MODULE_INIT;

struct packer {
	struct archive *archive;
	pack_sink *sink;
	void *data;
	struct error *error; /* the sink's */
};

struct unpacker {
	struct archive *archive;
	char *name;
	bool ended;
};

static void pack_load(void)
{
	static const struct module_symbol symbols[] = { MODULE_SYMBOLS(FUNCTIONS) };

	module_open(CBUILD_LIBARCHIVE, symbols, &lib.error);
}

static int pack_need_library(struct error **err)
{
	pthread_once(&lib.once, pack_load);
	return lib.error ? error_copy(err, lib.error) : 0;
}

static int pack_fail(struct archive *archive, const char *name, const char *what, struct error **err)
{
	const char *why = lib.archive_error_string(archive);
	cleanup_buf struct buf safe = { 0 };

	if (!why)
		why = "unknown reason";
	text_safe(&safe, why, strlen(why));
	return error_make(err, ERROR_STATE, "%s: %s: %s", name, what, safe.data);
}

/* ---- writing ---- */

/* Times in gzip's header would make each stream another one. A program of another package is no filter of ours. */
static bool add_filter(struct archive *archive, enum packing packing)
{
	if (packing == PACKING_ZSTD)
		return lib.archive_write_add_filter_zstd(archive) == ARCHIVE_OK;
	return lib.archive_write_add_filter_gzip(archive) == ARCHIVE_OK &&
	       lib.archive_write_set_filter_option(archive, "gzip", "timestamp", NULL) == ARCHIVE_OK;
}

int pack_possible(enum packing packing, struct error **err)
{
	struct archive *archive;
	bool good;

	if (pack_need_library(err) < 0)
		return -1;
	archive = lib.archive_write_new();
	if (!archive)
		mem_exhausted();
	good = add_filter(archive, packing);
	lib.archive_write_free(archive);
	return good ? 0
		    : error_make(err, ERROR_TOOL, "%s on this machine cannot write %s", CBUILD_LIBARCHIVE,
				 packing == PACKING_ZSTD ? "zstd" : "gzip");
}

static la_ssize_t pack_take_packed(struct archive *archive, void *data, const void *bytes, size_t len)
{
	struct packer *packer = data;

	(void)archive;
	return packer->sink(packer->data, bytes, len, &packer->error) < 0 ? -1 : (la_ssize_t)len;
}

static int fail_packing(struct packer *packer, struct error **err)
{
	if (packer->error)
		return error_move(err, &packer->error);
	return pack_fail(packer->archive, "a layer", "cannot compress it", err);
}

static int pack_begin(struct packer *packer, struct error **err)
{
	struct archive_entry *entry = lib.archive_entry_new();
	int r;

	if (!entry)
		mem_exhausted();
	lib.archive_entry_set_pathname(entry, "layer");
	lib.archive_entry_set_filetype(entry, AE_IFREG);
	r = lib.archive_write_header(packer->archive, entry);
	lib.archive_entry_free(entry);
	return r == ARCHIVE_OK ? 0 : fail_packing(packer, err);
}

int packer_new(enum packing packing, pack_sink *sink, void *data, struct packer **ret, struct error **err)
{
	cleanup_packer struct packer *packer = NULL;

	if (pack_need_library(err) < 0)
		return -1;
	packer = mem_alloc(sizeof(*packer));
	packer->sink = sink;
	packer->data = data;
	packer->archive = lib.archive_write_new();
	if (!packer->archive)
		mem_exhausted();
	if (!add_filter(packer->archive, packing) || lib.archive_write_set_format_raw(packer->archive) != ARCHIVE_OK ||
	    lib.archive_write_set_bytes_per_block(packer->archive, 0) != ARCHIVE_OK ||
	    lib.archive_write_open(packer->archive, packer, NULL, pack_take_packed, NULL) != ARCHIVE_OK)
		return fail_packing(packer, err);
	if (pack_begin(packer, err) < 0)
		return -1;
	*ret = steal_ptr(packer);
	return 0;
}

void packer_free(struct packer *packer)
{
	if (!packer)
		return;
	lib.archive_write_free(packer->archive);
	error_free(packer->error);
	free(packer);
}

void packer_cleanup(struct packer **packer)
{
	packer_free(*packer);
}

int packer_add(struct packer *packer, const void *data, size_t len, struct error **err)
{
	const char *at = data;

	while (len > 0) {
		la_ssize_t n = lib.archive_write_data(packer->archive, at, len);

		if (n <= 0)
			return fail_packing(packer, err);
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int packer_end(struct packer *packer, struct error **err)
{
	return lib.archive_write_close(packer->archive) == ARCHIVE_OK ? 0 : fail_packing(packer, err);
}

/* ---- reading ---- */

static bool support(struct archive *archive, enum packing packing)
{
	int r = ARCHIVE_OK;

	if (packing == PACKING_GZIP)
		r = lib.archive_read_support_filter_gzip(archive);
	if (packing == PACKING_ZSTD)
		r = lib.archive_read_support_filter_zstd(archive);
	return r == ARCHIVE_OK && lib.archive_read_support_format_raw(archive) == ARCHIVE_OK;
}

/* From a descriptor, or (fd < 0) from memory. */
static int unpacker_open(int fd, const void *data, size_t len, const char *name, enum packing packing,
			 struct unpacker **ret, struct error **err)
{
	cleanup_unpacker struct unpacker *unpacker = NULL;
	struct archive_entry *entry;
	int r;

	if (pack_need_library(err) < 0)
		return -1;
	unpacker = mem_alloc(sizeof(*unpacker));
	unpacker->name = mem_strdup(name);
	unpacker->archive = lib.archive_read_new();
	if (!unpacker->archive)
		mem_exhausted();
	if (!support(unpacker->archive, packing))
		return pack_fail(unpacker->archive, name, "cannot read it", err);
	r = fd >= 0 ? lib.archive_read_open_fd(unpacker->archive, fd, BLOCK)
		    : lib.archive_read_open_memory(unpacker->archive, data, len);
	if (r == ARCHIVE_OK)
		r = lib.archive_read_next_header(unpacker->archive, &entry);
	if (r != ARCHIVE_OK && r != ARCHIVE_EOF)
		return pack_fail(unpacker->archive, name, "cannot read it", err);
	unpacker->ended = r == ARCHIVE_EOF;
	*ret = steal_ptr(unpacker);
	return 0;
}

int unpacker_new(int fd, const char *name, enum packing packing, struct unpacker **ret, struct error **err)
{
	return unpacker_open(fd, NULL, 0, name, packing, ret, err);
}

int unpacker_new_memory(const void *data, size_t len, const char *name, enum packing packing, struct unpacker **ret,
			struct error **err)
{
	return unpacker_open(-1, data, len, name, packing, ret, err);
}

void unpacker_free(struct unpacker *unpacker)
{
	if (!unpacker)
		return;
	lib.archive_read_free(unpacker->archive);
	free(unpacker->name);
	free(unpacker);
}

void unpacker_cleanup(struct unpacker **unpacker)
{
	unpacker_free(*unpacker);
}

int unpacker_read(struct unpacker *unpacker, const void **ret, size_t *ret_len, struct error **err)
{
	la_int64_t offset;
	int r;

	if (unpacker->ended)
		return 0;
	do {
		r = lib.archive_read_data_block(unpacker->archive, ret, ret_len, &offset);
	} while (r == ARCHIVE_RETRY || (r == ARCHIVE_OK && *ret_len == 0));
	if (r == ARCHIVE_OK)
		return 1;
	if (r != ARCHIVE_EOF)
		return pack_fail(unpacker->archive, unpacker->name, "cannot decompress it", err);
	unpacker->ended = true;
	return 0;
}
