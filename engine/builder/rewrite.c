#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/xxh3.h"
#include "engine/builder/builder.h"
#include "engine/builder/rewrite.h"

#define REWRITE_IGNORE_MAX (16u << 20) /* bytes of an ignore file */
#define TIME_RANGE 1000000000          /* seconds since 1970 over which contents are spread */

/* `length` bytes at `offset` become `text`. */
struct edit {
	size_t offset, length;
	const char *text;
};

static int compare_edits(const void *a, const void *b)
{
	const struct edit *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static size_t behind_quotes(const struct build_job *job, size_t offset)
{
	while (offset < job->text_len && (job->text[offset] == '"' || job->text[offset] == '\''))
		offset++;
	return offset;
}

static struct edit *sorted_edits(const struct build_job *job, const char *const *names, const char *flag, size_t *ret_len)
{
	struct edit *edits = mem_array(job->images_len + job->mounts_len + 2 * job->urls_len + 1, sizeof(*edits));
	size_t len = 0;

	for (size_t i = 0; i < job->images_len; i++)
		if (job->images[i].length > 0)
			edits[len++] = (struct edit){ job->images[i].offset, job->images[i].length, names[i] };
	for (size_t i = 0; flag && i < job->mounts_len; i++)
		edits[len++] = (struct edit){ behind_quotes(job, job->mounts[i]), 0, flag };
	for (size_t i = 0; i < job->urls_len; i++) {
		const struct build_url *url = &job->urls[i];

		if (!url->folder)
			continue;
		edits[len++] = (struct edit){ url->add, url->add_len, url->copy };
		edits[len++] = (struct edit){ url->offset, url->length, url->file };
	}
	qsort(edits, len, sizeof(*edits), compare_edits);
	*ret_len = len;
	return edits;
}

int rewrite_text(const struct build_job *job, const char *const *names, const char *flag, struct buf *out,
		 struct error **err)
{
	size_t at = 0, len;
	cleanup_free struct edit *edits = sorted_edits(job, names, flag, &len);

	for (size_t i = 0; i < len; i++) {
		const struct edit *edit = &edits[i];

		if (edit->offset < at || edit->offset > job->text_len || edit->length > job->text_len - edit->offset)
			return error_make(err, ERROR_INTERNAL, "a mention at %zu+%zu is not in the Dockerfile",
					  edit->offset, edit->length);
		buf_add(out, job->text + at, edit->offset - at);
		buf_str(out, edit->text);
		at = edit->offset + edit->length;
	}
	buf_add(out, job->text + at, job->text_len - at);
	return 0;
}

/* BuildKit treats a file of the same size and time as the one it has, and file times are so coarse that two
 * Dockerfiles may get the same: so derive the time from the content. */
static void time_of(const struct buf *data, struct timespec ret[2])
{
	struct hash128 hash = hash_bytes(data->data ? data->data : "", data->len);

	ret[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
	ret[1] = (struct timespec){ .tv_sec = (time_t)(hash.lo % TIME_RANGE), .tv_nsec = (long)(hash.hi % 1000000000) };
}

static int write_file(const char *path, const struct buf *data, struct error **err)
{
	struct timespec times[2];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int status;

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", path);
	status = fs_write_all(fd, data->data, data->len, path, err);
	time_of(data, times);
	if (status == 0 && futimens(fd, times) < 0)
		status = error_errno(err, ERROR_STATE, errno, "%s", path);
	if (close(fd) < 0 && status == 0)
		status = error_errno(err, ERROR_STATE, errno, "%s", path);
	return status;
}

/* Write the bytes that were hashed: the file on disk may have changed. */
static int write_dockerfile(const struct build_job *job, const char *const *names, const char *flag, const char *path,
			    struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	if (rewrite_text(job, names, flag, &text, err) < 0)
		return -1;
	return write_file(path, &text, err);
}

/* Always written: an empty one keeps a builder from using a file that did not count (buildah: .containerignore). */
static int write_ignore(const struct build_job *job, const char *path, struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	if (job->ignore_file && fs_read(job->ignore_file, REWRITE_IGNORE_MAX, &text, err) < 0)
		return -1;
	return write_file(path, &text, err);
}

int rewrite_files(const struct build_job *job, const char *const *names, const char *flag, struct rewrite_files *ret,
		  struct error **err)
{
	cleanup_free char *dir = path_join(job->staging, "dockerfile");
	cleanup_free char *dockerfile = path_join(dir, path_base(job->dockerfile));
	cleanup_free char *ignore = mem_printf("%s.dockerignore", dockerfile);

	if (fs_mkdirs(dir, 0755, err) < 0 || write_dockerfile(job, names, flag, dockerfile, err) < 0 ||
	    write_ignore(job, ignore, err) < 0)
		return -1;
	*ret = (struct rewrite_files){ .dockerfile = steal_ptr(dockerfile), .ignore = steal_ptr(ignore) };
	return 0;
}

void rewrite_files_free(struct rewrite_files *files)
{
	free(files->dockerfile);
	free(files->ignore);
	*files = (struct rewrite_files){ 0 };
}
