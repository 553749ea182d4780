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
#include "base/hash.h"
#include "base/mem.h"
#include "engine/builder/builder.h"
#include "engine/builder/rewrite.h"

#define REWRITE_IGNORE_MAX (16u << 20) /* bytes of an ignore file */
#define TIME_RANGE 1000000000          /* seconds from 1970 on, to be divided among contents */

struct mention {
	size_t offset, length;
	const char *name;
};

static int compare_mentions(const void *a, const void *b)
{
	const struct mention *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static struct mention *sorted_mentions(const struct build_image *images, const char *const *names, size_t len)
{
	struct mention *mentions = mem_array(len, sizeof(*mentions));

	for (size_t i = 0; i < len; i++)
		mentions[i] = (struct mention){ images[i].offset, images[i].length, names[i] };
	qsort(mentions, len, sizeof(*mentions), compare_mentions);
	return mentions;
}

int rewrite_text(const char *text, size_t len, const struct build_image *images, const char *const *names,
		 size_t images_len, struct buf *out, struct error **err)
{
	cleanup_free struct mention *mentions = NULL;
	size_t at = 0;

	if (images_len > 0)
		mentions = sorted_mentions(images, names, images_len);
	for (size_t i = 0; i < images_len; i++) {
		const struct mention *mention = &mentions[i];

		if (mention->offset < at || mention->offset > len || mention->length > len - mention->offset)
			return error_make(err, ERROR_INTERNAL, "image mention %zu+%zu is not in the Dockerfile",
					  mention->offset, mention->length);
		buf_add(out, text + at, mention->offset - at);
		buf_str(out, mention->name);
		at = mention->offset + mention->length;
	}
	buf_add(out, text + at, len - at);
	return 0;
}

/* BuildKit takes a file of the same size and modification time for the one it has, and the clock of files ticks so slowly
 * that two Dockerfiles are written at one time: their times are told by their content. */
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

/* The bytes are written as they were hashed: the file on the disk may be another one by now. */
static int write_dockerfile(const struct build_job *job, const char *const *names, const char *path, struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	if (rewrite_text(job->text, job->text_len, job->images, names, job->images_len, &text, err) < 0)
		return -1;
	return write_file(path, &text, err);
}

/* Written in any case: an empty one keeps a builder from taking a file that did not count (buildah: .containerignore). */
static int write_ignore(const struct build_job *job, const char *path, struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	if (job->ignore_file && fs_read(job->ignore_file, REWRITE_IGNORE_MAX, &text, err) < 0)
		return -1;
	return write_file(path, &text, err);
}

int rewrite_files(const struct build_job *job, const char *const *names, struct rewrite_files *ret, struct error **err)
{
	cleanup_free char *dir = path_join(job->staging, "dockerfile");
	cleanup_rewrite_files struct rewrite_files files = { 0 };

	if (fs_mkdirs(dir, 0755, err) < 0)
		return -1;
	files.dockerfile = path_join(dir, path_base(job->dockerfile));
	files.ignore = mem_printf("%s.dockerignore", files.dockerfile);
	if (write_dockerfile(job, names, files.dockerfile, err) < 0 || write_ignore(job, files.ignore, err) < 0)
		return -1;
	*ret = files;
	files = (struct rewrite_files){ 0 };
	return 0;
}

void rewrite_files_free(struct rewrite_files *files)
{
	free(files->dockerfile);
	free(files->ignore);
	*files = (struct rewrite_files){ 0 };
}
