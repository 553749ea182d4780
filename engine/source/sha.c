#include "config.h"

#include "engine/source/sha.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/workers.h"

#define BLOCK ((size_t)1024 * 1024) /* bytes between two checks for a cancel */
#define FILES_A_THREAD 16

struct crowd {
	const struct sha_reading *reading;
	struct {
		char *block;
		struct sha256 *sha;
		struct error *error;
	} hands[WORKERS_MAX];
};

static bool same_file(int fd, const struct walk_node *node)
{
	struct stamp stamp;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	stamp = walk_stamp(&st);
	return stamp.size == node->stamp.size && stamp.mtime == node->stamp.mtime && stamp.ctime == node->stamp.ctime &&
	       stamp.inode == node->stamp.inode;
}

static int sha_content(const struct sha_reading *reading, struct sha256 *sha, char *block, int fd, const char *path,
		       struct error **err)
{
	for (;;) {
		ssize_t len = read(fd, block, BLOCK);

		if (len == 0)
			return 0;
		if (len < 0 && errno != EINTR)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
		if (len > 0)
			sha256_add(sha, block, (size_t)len);
		if (reading->cancelled && reading->cancelled(reading->data))
			return error_make(err, ERROR_CANCELLED, "interrupted");
	}
}

static int read_one(const struct sha_reading *reading, size_t index, struct sha256 *sha, char *block, struct error **err)
{
	struct walk_node *node =
		(struct walk_node *)reading->nodes[index]; /* const for selections, but the walk that made them may change them */
	cleanup_free char *path = path_join(reading->top, node->path);
	cleanup_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char digest[DIGEST_LEN + 1];

	if (fd < 0 && errno != ENOENT && errno != ELOOP)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot open", path);
	if (fd < 0 || !same_file(fd, node))
		return 0;
	if (sha_content(reading, sha, block, fd, path, err) < 0)
		return -1;
	sha256_done(sha, digest);
	if (!digest_valid(digest))
		return error_make(err, ERROR_TOOL, "libcrypto failed");
	if (!same_file(fd, node))
		return 0;
	digest_decode(digest_hex(digest), reading->room[index]);
	node->sha256 = reading->room[index];
	return 0;
}

static void sha_work(void *data, size_t index, unsigned worker)
{
	struct crowd *crowd = data;
	const struct walk_node *node = crowd->reading->nodes[index];

	if (!S_ISREG(node->mode) || node->sha256 || crowd->hands[worker].error)
		return;
	if (!crowd->hands[worker].block) {
		crowd->hands[worker].block = mem_alloc(BLOCK);
		if (sha256_new(&crowd->hands[worker].sha, &crowd->hands[worker].error) < 0)
			return;
	}
	read_one(crowd->reading, index, crowd->hands[worker].sha, crowd->hands[worker].block,
		 &crowd->hands[worker].error);
}

int sha_read(const struct sha_reading *reading, struct error **err)
{
	struct crowd crowd = { .reading = reading };
	struct error *error = NULL;

	workers_run(reading->len, workers_count(reading->len, FILES_A_THREAD), sha_work, &crowd);
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		free(crowd.hands[i].block);
		sha256_free(crowd.hands[i].sha);
		if (crowd.hands[i].error)
			error_move(error ? NULL : &error, &crowd.hands[i].error);
	}
	return error ? error_move(err, &error) : 0;
}
