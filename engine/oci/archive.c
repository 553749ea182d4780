#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/module.h"
#include "base/text.h"
#include "engine/oci/archive.h"

#define BLOCK ((size_t)256 * 1024)

#define FUNCTIONS(X)                               \
	X(archive_read_new)                        \
	X(archive_read_support_filter_bzip2)       \
	X(archive_read_support_filter_gzip)        \
	X(archive_read_support_filter_xz)          \
	X(archive_read_support_filter_zstd)        \
	X(archive_read_support_format_raw)         \
	X(archive_read_support_format_tar)         \
	X(archive_read_open_fd)                    \
	X(archive_read_open_memory)                \
	X(archive_read_next_header)                \
	X(archive_read_data_block)                 \
	X(archive_read_free)                       \
	X(archive_write_new)                       \
	X(archive_write_set_bytes_per_block)       \
	X(archive_write_set_filter_option)         \
	X(archive_write_set_format_pax_restricted) \
	X(archive_write_set_format_raw)            \
	X(archive_write_add_filter_gzip)           \
	X(archive_write_add_filter_none)           \
	X(archive_write_add_filter_zstd)           \
	X(archive_write_open)                      \
	X(archive_write_open_fd)                   \
	X(archive_write_header)                    \
	X(archive_write_data)                      \
	X(archive_write_finish_entry)              \
	X(archive_write_close)                     \
	X(archive_write_free)                      \
	X(archive_errno)                           \
	X(archive_error_string)                    \
	X(archive_entry_filetype)                  \
	X(archive_entry_free)                      \
	X(archive_entry_hardlink)                  \
	X(archive_entry_mode)                      \
	X(archive_entry_mtime)                     \
	X(archive_entry_mtime_nsec)                \
	X(archive_entry_new)                       \
	X(archive_entry_pathname)                  \
	X(archive_entry_set_filetype)              \
	X(archive_entry_set_gid)                   \
	X(archive_entry_set_hardlink)              \
	X(archive_entry_set_mtime)                 \
	X(archive_entry_set_pathname)              \
	X(archive_entry_set_perm)                  \
	X(archive_entry_set_rdevmajor)             \
	X(archive_entry_set_rdevminor)             \
	X(archive_entry_set_size)                  \
	X(archive_entry_set_symlink)               \
	X(archive_entry_set_uid)                   \
	X(archive_entry_size)                      \
	X(archive_entry_symlink)                   \
	X(archive_entry_xattr_add_entry)

#define MODULE lib
static struct {
	MODULE_STATE(FUNCTIONS)
} lib = MODULE_INIT;

struct tar_reader {
	struct archive *archive;
	char *name;
	int64_t at; /* bytes of the entry returned so far */
};

struct tar_writer {
	struct archive *archive;
	char *name;
};

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

static void archive_load(void)
{
	static const struct module_symbol symbols[] = { MODULE_SYMBOLS(FUNCTIONS) };

	module_open(CBUILD_LIBARCHIVE, symbols, &lib.error);
}

static int need_library(struct error **err)
{
	pthread_once(&lib.once, archive_load);
	return lib.error ? error_copy(err, lib.error) : 0;
}

/* libarchive returns NULL only when out of memory. */
static void *archive_made(void *object)
{
	if (!object)
		mem_exhausted();
	return object;
}

/* libarchive's messages quote the archive's content. */
static int archive_fail(struct archive *archive, const char *name, const char *what, struct error **err)
{
	const char *why = lib.archive_error_string(archive);
	cleanup_buf struct buf safe = { 0 };
	int errnum = lib.archive_errno(archive);

	/* The system's error, rather than libarchive's guess about the bytes. */
	if (errnum > 0 && errnum != EILSEQ && errnum != EINVAL)
		return error_errno(err, ERROR_STATE, errnum, "%s: %s", name, what);
	if (!why)
		why = "unknown reason";
	text_safe(&safe, why, strlen(why));
	return error_make(err, ERROR_STATE, "%s: %s: %s", name, what, safe.data);
}

static bool archive_write_all(struct archive *archive, const char *data, size_t len)
{
	while (len > 0) {
		la_ssize_t n = lib.archive_write_data(archive, data, len);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool add_unpackers(struct archive *archive)
{
	return lib.archive_read_support_filter_gzip(archive) >= ARCHIVE_WARN &&
	       lib.archive_read_support_filter_bzip2(archive) >= ARCHIVE_WARN &&
	       lib.archive_read_support_filter_xz(archive) >= ARCHIVE_WARN;
}

static int tar_reader_open(int fd, const char *name, bool packed, struct tar_reader **ret, struct error **err)
{
	cleanup_tar_reader struct tar_reader *reader = NULL;

	if (need_library(err) < 0)
		return -1;
	reader = mem_alloc(sizeof(*reader));
	reader->name = mem_strdup(name);
	reader->archive = archive_made(lib.archive_read_new());
	if (lib.archive_read_support_format_tar(reader->archive) != ARCHIVE_OK ||
	    (packed && !add_unpackers(reader->archive)) ||
	    lib.archive_read_open_fd(reader->archive, fd, BLOCK) != ARCHIVE_OK)
		return archive_fail(reader->archive, name, "cannot read the tar", err);
	*ret = steal_ptr(reader);
	return 0;
}

int tar_reader_new(int fd, const char *name, struct tar_reader **ret, struct error **err)
{
	return tar_reader_open(fd, name, false, ret, err);
}

int tar_reader_new_packed(int fd, const char *name, struct tar_reader **ret, struct error **err)
{
	return tar_reader_open(fd, name, true, ret, err);
}

void tar_reader_free(struct tar_reader *reader)
{
	if (!reader)
		return;
	lib.archive_read_free(reader->archive);
	free(reader->name);
	free(reader);
}

void tar_reader_cleanup(struct tar_reader **reader)
{
	tar_reader_free(*reader);
}

int tar_reader_next(struct tar_reader *reader, struct tar_entry *ret, struct error **err)
{
	struct archive_entry *entry;
	const char *name = NULL;

	while (!name) {
		int r = lib.archive_read_next_header(reader->archive, &entry);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r == ARCHIVE_RETRY)
			continue;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return archive_fail(reader->archive, reader->name, "cannot read the tar", err);
		name = lib.archive_entry_pathname(entry);
	}
	reader->at = 0;
	ret->name = strncmp(name, "./", 2) == 0 ? name + 2 : name;
	ret->size = (uint64_t)lib.archive_entry_size(entry);
	ret->hardlink = lib.archive_entry_hardlink(entry);
	ret->regular = lib.archive_entry_filetype(entry) == AE_IFREG && !ret->hardlink;
	ret->mode = lib.archive_entry_mode(entry);
	ret->link = lib.archive_entry_symlink(entry);
	ret->mtime = (struct timespec){ lib.archive_entry_mtime(entry), lib.archive_entry_mtime_nsec(entry) };
	return 1;
}

int tar_reader_data(struct tar_reader *reader, const void **ret, size_t *ret_len, struct error **err)
{
	la_int64_t offset;
	int r;

	do {
		r = lib.archive_read_data_block(reader->archive, ret, ret_len, &offset);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN && r != ARCHIVE_RETRY)
			return archive_fail(reader->archive, reader->name, "cannot read the tar", err);
	} while (r == ARCHIVE_RETRY || *ret_len == 0);
	if (offset != reader->at)
		return error_make(err, ERROR_STATE, "%s: sparse files are not supported in a tar", reader->name);
	reader->at += (int64_t)*ret_len;
	return 1;
}

int tar_writer_new(int fd, const char *name, struct tar_writer **ret, struct error **err)
{
	cleanup_tar_writer struct tar_writer *writer = NULL;

	if (need_library(err) < 0)
		return -1;
	writer = mem_alloc(sizeof(*writer));
	writer->name = mem_strdup(name);
	writer->archive = archive_made(lib.archive_write_new());
	if (lib.archive_write_set_format_pax_restricted(writer->archive) != ARCHIVE_OK ||
	    lib.archive_write_add_filter_none(writer->archive) != ARCHIVE_OK ||
	    lib.archive_write_open_fd(writer->archive, fd) != ARCHIVE_OK)
		return archive_fail(writer->archive, name, "cannot write the tar", err);
	*ret = steal_ptr(writer);
	return 0;
}

void tar_writer_free(struct tar_writer *writer)
{
	if (!writer)
		return;
	lib.archive_write_free(writer->archive);
	free(writer->name);
	free(writer);
}

void tar_writer_cleanup(struct tar_writer **writer)
{
	tar_writer_free(*writer);
}

static int tar_put_header(struct tar_writer *writer, const char *name, unsigned int type, uint64_t size,
			  struct error **err)
{
	struct archive_entry *entry = archive_made(lib.archive_entry_new());
	int r;

	lib.archive_entry_set_pathname(entry, name);
	lib.archive_entry_set_filetype(entry, type);
	lib.archive_entry_set_perm(entry, type == AE_IFDIR ? 0755 : 0644);
	lib.archive_entry_set_size(entry, (la_int64_t)size);
	lib.archive_entry_set_mtime(entry, 0, 0);
	r = lib.archive_write_header(writer->archive, entry);
	lib.archive_entry_free(entry);
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return archive_fail(writer->archive, writer->name, "cannot write the tar", err);
	return 0;
}

static void describe_item(struct archive_entry *entry, const struct tar_item *item)
{
	lib.archive_entry_set_pathname(entry, item->name);
	lib.archive_entry_set_filetype(entry, item->mode & S_IFMT);
	lib.archive_entry_set_perm(entry, item->mode & 07777);
	lib.archive_entry_set_uid(entry, item->uid);
	lib.archive_entry_set_gid(entry, item->gid);
	lib.archive_entry_set_mtime(entry, (time_t)item->mtime, 0);
	lib.archive_entry_set_size(entry, (la_int64_t)item->size);
	if (item->link && S_ISLNK(item->mode))
		lib.archive_entry_set_symlink(entry, item->link);
	else if (item->link)
		lib.archive_entry_set_hardlink(entry, item->link);
	if (S_ISCHR(item->mode) || S_ISBLK(item->mode)) {
		lib.archive_entry_set_rdevmajor(entry, item->major);
		lib.archive_entry_set_rdevminor(entry, item->minor);
	}
	for (size_t i = 0; i < item->attributes_len; i++)
		lib.archive_entry_xattr_add_entry(entry, item->attributes[i].name, item->attributes[i].value,
						  item->attributes[i].len);
}

int tar_writer_item(struct tar_writer *writer, const struct tar_item *item, struct error **err)
{
	struct archive_entry *entry = archive_made(lib.archive_entry_new());
	int r;

	describe_item(entry, item);
	r = lib.archive_write_header(writer->archive, entry);
	lib.archive_entry_free(entry);
	return r == ARCHIVE_OK || r == ARCHIVE_WARN
		       ? 0
		       : archive_fail(writer->archive, writer->name, "cannot write the tar", err);
}

static int put_data(struct tar_writer *writer, const void *data, size_t len, struct error **err)
{
	return archive_write_all(writer->archive, data, len)
		       ? 0
		       : archive_fail(writer->archive, writer->name, "cannot write the tar", err);
}

int tar_writer_bytes(struct tar_writer *writer, const void *data, size_t len, struct error **err)
{
	return put_data(writer, data, len, err);
}

static int finish_entry(struct tar_writer *writer, struct error **err)
{
	if (lib.archive_write_finish_entry(writer->archive) != ARCHIVE_OK)
		return archive_fail(writer->archive, writer->name, "cannot write the tar", err);
	return 0;
}

int tar_writer_folder(struct tar_writer *writer, const char *name, struct error **err)
{
	if (tar_put_header(writer, name, AE_IFDIR, 0, err) < 0)
		return -1;
	return finish_entry(writer, err);
}

int tar_writer_text(struct tar_writer *writer, const char *name, const void *data, size_t len, struct error **err)
{
	if (tar_put_header(writer, name, AE_IFREG, len, err) < 0 || put_data(writer, data, len, err) < 0)
		return -1;
	return finish_entry(writer, err);
}

static int tar_put_file(struct tar_writer *writer, int fd, const char *path, uint64_t size, struct error **err)
{
	cleanup_free char *block = mem_alloc(BLOCK);

	while (size > 0) {
		ssize_t n = read(fd, block, size < BLOCK ? (size_t)size : BLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot read", path);
		if (n == 0)
			return error_make(err, ERROR_STATE, "%s: shorter than before", path);
		if (put_data(writer, block, (size_t)n, err) < 0)
			return -1;
		size -= (uint64_t)n;
	}
	return 0;
}

int tar_writer_file(struct tar_writer *writer, const char *name, const char *path, uint64_t size, struct error **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot open", path);
	if (tar_put_header(writer, name, AE_IFREG, size, err) < 0 || tar_put_file(writer, fd, path, size, err) < 0)
		return -1;
	return finish_entry(writer, err);
}

int tar_writer_end(struct tar_writer *writer, struct error **err)
{
	if (lib.archive_write_close(writer->archive) != ARCHIVE_OK)
		return archive_fail(writer->archive, writer->name, "cannot write the tar", err);
	return 0;
}

/* A time in gzip's header would make every stream different. And do not run an external program as a filter. */
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

	if (need_library(err) < 0)
		return -1;
	archive = archive_made(lib.archive_write_new());
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
	return archive_fail(packer->archive, "a layer", "cannot compress it", err);
}

static int pack_begin(struct packer *packer, struct error **err)
{
	struct archive_entry *entry = archive_made(lib.archive_entry_new());
	int r;

	lib.archive_entry_set_pathname(entry, "layer");
	lib.archive_entry_set_filetype(entry, AE_IFREG);
	r = lib.archive_write_header(packer->archive, entry);
	lib.archive_entry_free(entry);
	return r == ARCHIVE_OK ? 0 : fail_packing(packer, err);
}

int packer_new(enum packing packing, pack_sink *sink, void *data, struct packer **ret, struct error **err)
{
	cleanup_packer struct packer *packer = NULL;

	if (need_library(err) < 0)
		return -1;
	packer = mem_alloc(sizeof(*packer));
	packer->sink = sink;
	packer->data = data;
	packer->archive = archive_made(lib.archive_write_new());
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
	return archive_write_all(packer->archive, data, len) ? 0 : fail_packing(packer, err);
}

int packer_end(struct packer *packer, struct error **err)
{
	return lib.archive_write_close(packer->archive) == ARCHIVE_OK ? 0 : fail_packing(packer, err);
}

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

	if (need_library(err) < 0)
		return -1;
	unpacker = mem_alloc(sizeof(*unpacker));
	unpacker->name = mem_strdup(name);
	unpacker->archive = archive_made(lib.archive_read_new());
	if (!support(unpacker->archive, packing))
		return archive_fail(unpacker->archive, name, "cannot read it", err);
	r = fd >= 0 ? lib.archive_read_open_fd(unpacker->archive, fd, BLOCK)
		    : lib.archive_read_open_memory(unpacker->archive, data, len);
	if (r == ARCHIVE_OK)
		r = lib.archive_read_next_header(unpacker->archive, &entry);
	if (r != ARCHIVE_OK && r != ARCHIVE_EOF)
		return archive_fail(unpacker->archive, name, "cannot read it", err);
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
		return archive_fail(unpacker->archive, unpacker->name, "cannot decompress it", err);
	unpacker->ended = true;
	return 0;
}
