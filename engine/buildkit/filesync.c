#include "config.h"

#include "engine/buildkit/filesync.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/buildkit/proto/message.h"
#include "engine/buildkit/proto/session.pb-c.h"
#include "engine/source/content.h"

#define METHOD "/moby.filesync.v1.FileSync/DiffCopy"
#define PIECE ((size_t)128 << 10) /* bytes of a file in one packet */

/* Go's os.FileMode. */
#define GO_DIR (1u << 31)
#define GO_LINK (1u << 27)
#define GO_SETUID (1u << 23)
#define GO_SETGID (1u << 22)
#define GO_STICKY (1u << 20)

struct filesync {
	struct filesync_folder *folders;
	size_t len;
	pthread_mutex_t lock; /* guards the following */
	char *changed;
};

/* Parents first, and siblings in byte order, with the slash before everything else. */
static int by_walk(const void *a, const void *b)
{
	const unsigned char *x = (const unsigned char *)((const struct filesync_entry *)a)->path;
	const unsigned char *y = (const unsigned char *)((const struct filesync_entry *)b)->path;

	while (*x && *x == *y) {
		x++;
		y++;
	}
	if (*x == *y)
		return 0;
	if (!*x || !*y)
		return *x ? 1 : -1;
	if (*x == '/' || *y == '/')
		return *x == '/' ? -1 : 1;
	return *x < *y ? -1 : 1;
}

struct filesync *filesync_new(struct filesync_folder *folders, size_t len)
{
	struct filesync *filesync = mem_alloc(sizeof(*filesync));

	filesync->folders = folders;
	filesync->len = len;
	pthread_mutex_init(&filesync->lock, NULL);
	for (size_t i = 0; i < len; i++)
		if (folders[i].len > 0)
			qsort(folders[i].entries, folders[i].len, sizeof(*folders[i].entries), by_walk);
	return filesync;
}

void filesync_free(struct filesync *filesync)
{
	if (!filesync)
		return;
	pthread_mutex_destroy(&filesync->lock);
	free(filesync->changed);
	free(filesync);
}

const char *filesync_changed(const struct filesync *filesync)
{
	return filesync->changed;
}

static uint32_t go_mode(uint32_t mode)
{
	uint32_t go = mode & 0777;

	go |= S_ISDIR(mode) ? GO_DIR : 0;
	go |= S_ISLNK(mode) ? GO_LINK : 0;
	go |= mode & S_ISUID ? GO_SETUID : 0;
	go |= mode & S_ISGID ? GO_SETGID : 0;
	go |= mode & S_ISVTX ? GO_STICKY : 0;
	return go;
}

static int send_packet(struct grpc_call *call, Bk__PacketType type, uint32_t id, const void *data, size_t len,
		       struct error **err)
{
	Bk__Packet packet = BK__PACKET__INIT;

	packet.type = type;
	packet.id = id;
	packet.data.data = (uint8_t *)(uintptr_t)data;
	packet.data.len = len;
	return grpc_send(call, &packet.base, err);
}

static int send_stat(struct grpc_call *call, const struct filesync_entry *entry, struct error **err)
{
	Bk__Packet packet = BK__PACKET__INIT;
	Bk__Stat stat = BK__STAT__INIT;

	stat.path = (char *)(uintptr_t)entry->path;
	stat.mode = go_mode(entry->mode);
	stat.size = S_ISREG(entry->mode) ? (int64_t)entry->size : 0;
	stat.mtime = entry->mtime;
	if (S_ISLNK(entry->mode))
		stat.linkname = (char *)(uintptr_t)entry->link;
	packet.stat = &stat;
	return grpc_send(call, &packet.base, err);
}

static int send_stats(struct grpc_call *call, const struct filesync_folder *folder, struct error **err)
{
	for (size_t i = 0; i < folder->len; i++)
		if (send_stat(call, &folder->entries[i], err) < 0)
			return -1;
	return send_packet(call, BK__PACKET_TYPE__PACKET_STAT, 0, NULL, 0, err);
}

/* The file is not the one that was hashed: the daemon must not use what it received. */
static int refuse_changed(struct filesync *filesync, struct grpc_call *call, const struct filesync_entry *entry,
			  struct error **err)
{
	cleanup_free char *text = mem_printf("%s changed since it was last read", entry->path);

	pthread_mutex_lock(&filesync->lock);
	if (!filesync->changed)
		filesync->changed = mem_strdup(entry->source ? entry->source : entry->path);
	pthread_mutex_unlock(&filesync->lock);
	send_packet(call, BK__PACKET_TYPE__PACKET_ERR, 0, text, strlen(text), NULL);
	return error_make(err, ERROR_STATE, "%s", text);
}

/* 1: opened, and the stat data is as announced; 0: it has changed. */
static int open_file(const struct filesync_entry *entry, int *ret_fd, struct error **err)
{
	struct stat st;

	*ret_fd = open(entry->source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*ret_fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES))
		return 0;
	if (*ret_fd < 0 || fstat(*ret_fd, &st) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot open", entry->source);
	return S_ISREG(st.st_mode) && (uint64_t)st.st_size == entry->size;
}

/* Reads until the block is full or the file ends. */
static ssize_t read_piece(int fd, char *block, const char *path, struct error **err)
{
	size_t have = 0;

	while (have < PIECE) {
		ssize_t n = read(fd, block + have, PIECE - have);

		if (n < 0 && errno != EINTR)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot read", path);
		if (n == 0)
			break;
		have += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)have;
}

/* Attributes are not sent, but they count: the digest covers both. 1: it matches; 0: it has changed. */
static int compare_file(int fd, const struct filesync_entry *entry, struct hash128 digest, struct error **err)
{
	if (hash_equal(digest, entry->digest))
		return 1;
	return content_attributes(fd, entry->source, &digest, err) < 0 ? -1 : hash_equal(digest, entry->digest);
}

/* 1: sent completely; 0: it has changed, and its last piece was withheld. */
static int send_checked(struct grpc_call *call, uint32_t id, const struct filesync_entry *entry, int fd,
			struct error **err)
{
	cleanup_hasher struct hasher *hasher = hasher_new();
	cleanup_free char *block = mem_alloc(PIECE);
	uint64_t size = 0;
	ssize_t n;
	int r;

	while ((n = read_piece(fd, block, entry->source, err)) > 0) {
		hasher_add(hasher, block, (size_t)n);
		size += (size_t)n;
		if (size >= entry->size)
			break;
		if (send_packet(call, BK__PACKET_TYPE__PACKET_DATA, id, block, (size_t)n, err) < 0)
			return -1;
	}
	if (n < 0 || size != entry->size)
		return n < 0 ? -1 : 0;
	r = compare_file(fd, entry, hasher_done(hasher), err);
	if (r > 0 && n > 0 && send_packet(call, BK__PACKET_TYPE__PACKET_DATA, id, block, (size_t)n, err) < 0)
		return -1;
	return r;
}

static int send_file(struct filesync *filesync, struct grpc_call *call, uint32_t id, const struct filesync_entry *entry,
		     struct error **err)
{
	cleanup_fd int fd = -1;
	int r = open_file(entry, &fd, err);

	if (r > 0)
		r = send_checked(call, id, entry, fd, err);
	if (r <= 0)
		return r < 0 ? -1 : refuse_changed(filesync, call, entry, err);
	return send_packet(call, BK__PACKET_TYPE__PACKET_DATA, id, NULL, 0, err);
}

static int send_bytes(struct grpc_call *call, uint32_t id, const struct filesync_entry *entry, struct error **err)
{
	for (size_t at = 0; at < entry->size; at += PIECE) {
		size_t len = entry->size - at < PIECE ? entry->size - at : PIECE;

		if (send_packet(call, BK__PACKET_TYPE__PACKET_DATA, id, entry->data + at, len, err) < 0)
			return -1;
	}
	return send_packet(call, BK__PACKET_TYPE__PACKET_DATA, id, NULL, 0, err);
}

static int answer_request(struct filesync *filesync, struct grpc_call *call, const struct filesync_folder *folder,
			  uint32_t id, struct error **err)
{
	const struct filesync_entry *entry = id < folder->len ? &folder->entries[id] : NULL;

	if (!entry || !S_ISREG(entry->mode))
		return grpc_refuse(call, GRPC_INVALID, "there is no file with the number %u", (unsigned)id);
	return entry->source ? send_file(filesync, call, id, entry, err) : send_bytes(call, id, entry, err);
}

/* Answers requests until the daemon has what it wants. */
static int answer_requests(struct filesync *filesync, struct grpc_call *call, const struct filesync_folder *folder,
			   struct error **err)
{
	void *message;
	int r;

	while ((r = grpc_receive(call, &bk__packet__descriptor, &message, err)) > 0) {
		cleanup_message Bk__Packet *packet = message;

		switch (packet->type) {
		case BK__PACKET_TYPE__PACKET_REQ:
			if (answer_request(filesync, call, folder, packet->id, err) < 0)
				return -1;
			break;
		case BK__PACKET_TYPE__PACKET_FIN:
			return send_packet(call, BK__PACKET_TYPE__PACKET_FIN, 0, NULL, 0, err);
		case BK__PACKET_TYPE__PACKET_ERR:
			return error_make(err, ERROR_TOOL, "the daemon cannot take %s: %.*s", folder->name,
					  (int)packet->data.len, (const char *)packet->data.data);
		default:
			return grpc_refuse(call, GRPC_INVALID, "unexpected packet of type %d", (int)packet->type);
		}
	}
	return r;
}

/* The daemon asks for the ignore file alone: it is sent if it counts, and excludes nothing here. */
static struct filesync_folder asked_for(const struct grpc_call *call, const struct filesync_folder *folder)
{
	const char *wanted = grpc_metadata(call, "followpaths", 0);
	struct filesync_folder alone = { .name = folder->name };

	if (!folder->hint || !wanted || strcmp(wanted, folder->hint) != 0 || grpc_metadata(call, "followpaths", 1))
		return *folder;
	for (size_t i = 0; alone.len == 0 && i < folder->len; i++)
		if (strcmp(folder->entries[i].path, folder->hint) == 0) {
			alone.entries = &folder->entries[i];
			alone.len = 1;
		}
	return alone;
}

static int serve_folder(void *data, struct grpc_call *call, struct error **err)
{
	struct filesync *filesync = data;
	const char *name = grpc_metadata(call, "dir-name", 0);

	for (size_t i = 0; name && i < filesync->len; i++) {
		struct filesync_folder folder;

		if (strcmp(filesync->folders[i].name, name) != 0)
			continue;
		folder = asked_for(call, &filesync->folders[i]);
		return send_stats(call, &folder, err) < 0 ? -1 : answer_requests(filesync, call, &folder, err);
	}
	return grpc_refuse(call, GRPC_NOT_FOUND, "there is no folder %s here", name ? name : "");
}

struct grpc_method filesync_method(struct filesync *filesync)
{
	return (struct grpc_method){ METHOD, serve_folder, filesync };
}
