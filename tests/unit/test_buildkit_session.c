/* What a daemon asks of the session, by a daemon in this process: files, secrets, blobs, the ssh agent. And what is remembered of the files
 * that daemons were shown. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/un.h>

#include "base/xxh3.h"
#include "engine/buildkit/content_store.h"
#include "engine/buildkit/filesync.h"
#include "engine/buildkit/proto/content.pb-c.h"
#include "engine/buildkit/proto/session.pb-c.h"
#include "engine/buildkit/secrets.h"
#include "engine/buildkit/buildkit_session.h"
#include "engine/buildkit/shown.h"
#include "engine/buildkit/ssh.h"
#include "tests/unit/buildkit_world.h"
#include "tests/unit/oci_world.h"

/* A daemon's side: it asks in the session what the test says. */
struct asker {
	void (*ask)(struct h2 *session, void *data);
	void *data;
	char shared_key[SHOWN_KEY + 1];
	int done[2]; /* a pipe: it has asked all */
};

static int serve_session(void *data, struct grpc_call *call, struct error **ret_err)
{
	static const struct h2_role client;
	struct asker *asker = data;
	const char *key = grpc_metadata(call, "x-docker-expose-session-sharedkey", 0);
	struct h2 *inner;

	assert_non_null(grpc_metadata(call, "x-docker-expose-session-uuid", 0));
	snprintf(asker->shared_key, sizeof(asker->shared_key), "%s", key);
	ok(h2_nest(grpc_detach(call, ret_err), &grpc_wrapping, &client, &inner, err));
	asker->ask(inner, asker->data);
	h2_free(inner);
	assert_int_equal(write(asker->done[1], "", 1), 1);
	return 0;
}

/* A session that offers the methods, in which `ask` asks. */
static void in_session(const struct grpc_method *methods, size_t len, void (*ask)(struct h2 *session, void *data),
		       void *data)
{
	struct asker asker = { .ask = ask, .data = data };
	const struct grpc_method control = { "/moby.buildkit.v1.Control/Session", serve_session, &asker };
	const struct buildkit_session_spec spec = { "test", "key", methods, len };
	struct buildkit_session *session;
	const struct conn_address address = { .url = "unix://d.sock" };
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "d.sock" };
	struct grpc_server *server;
	struct daemon *daemon;
	struct h2_role role;
	struct h2 *h2;
	char done;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(pipe(asker.done), 0);
	unlink("d.sock");
	assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(listener, 1), 0);
	ok(daemon_open(NULL, &address, 5000, &daemon, err));
	ok(grpc_server_new(&control, 1, &server, err));
	role = grpc_server_role(server);
	ok(h2_start(NULL, conn_take(accept(listener, NULL, NULL), "the client"), &role, &h2, err));
	ok(buildkit_session_open(daemon, &spec, &session, err));
	assert_int_equal(strlen(buildkit_session_id(session)), 25);
	assert_int_equal(read(asker.done[0], &done, 1), 1);
	grpc_server_free(server);
	buildkit_session_free(session);
	daemon_free(daemon);
	h2_free(h2);
	close(listener);
	close(asker.done[0]);
	close(asker.done[1]);
	assert_string_equal(asker.shared_key, "key");
}

static void ask_health(struct h2 *session, void *data)
{
	cleanup_message Bk__HealthAnswer *answer = NULL;
	Bk__Blank blank = BK__BLANK__INIT;

	(void)data;
	ok(grpc_ask(session, "/grpc.health.v1.Health/Check", NULL, 0, &blank.base, 0, &bk__health_answer__descriptor,
		    (void **)&answer, err));
	assert_int_equal(answer->status, 1);
}

static void test_health(void **state)
{
	(void)state;
	in_session(NULL, 0, ask_health, NULL);
}

/* ---- files ---- */

static void write_file(const char *path, const char *text, size_t len)
{
	ok(fs_replace(path, text, len, 0644, err));
}

/* What a folder was sent as: a line a STAT, and the content of each file. */
struct seen {
	const char *folder, *followed;
	struct buf stats;
	struct buf content; /* of the file `wanted`, */
	long wanted;        /* by number; -1: none */
	char error[200];    /* of a packet ERR, or of the call */
};

static void take_stat(struct seen *seen, const Bk__Stat *stat)
{
	buf_printf(&seen->stats, "%s %x %lld%s%s\n", stat->path, (unsigned)stat->mode, (long long)stat->size,
		   *stat->linkname ? " -> " : "", stat->linkname);
}

static int send_packet(struct grpc_call *call, Bk__PacketType type, uint32_t id)
{
	Bk__Packet packet = BK__PACKET__INIT;

	packet.type = type;
	packet.id = id;
	return grpc_send(call, &packet.base, NULL);
}

/* Takes packets until the end of what was asked. */
static bool take_packet(struct seen *seen, struct grpc_call *call, const Bk__Packet *packet)
{
	switch (packet->type) {
	case BK__PACKET_TYPE__PACKET_STAT:
		if (packet->stat)
			take_stat(seen, packet->stat);
		else
			send_packet(call, seen->wanted < 0 ? BK__PACKET_TYPE__PACKET_FIN : BK__PACKET_TYPE__PACKET_REQ,
				    (uint32_t)seen->wanted);
		return true;
	case BK__PACKET_TYPE__PACKET_DATA:
		assert_int_equal(packet->id, seen->wanted);
		buf_add(&seen->content, packet->data.data, packet->data.len);
		if (packet->data.len == 0)
			send_packet(call, BK__PACKET_TYPE__PACKET_FIN, 0);
		return true;
	case BK__PACKET_TYPE__PACKET_ERR:
		snprintf(seen->error, sizeof(seen->error), "%.*s", (int)packet->data.len, (char *)packet->data.data);
		return false;
	default:
		return packet->type != BK__PACKET_TYPE__PACKET_FIN;
	}
}

static void ask_folder(struct h2 *session, void *data)
{
	struct seen *seen = data;
	const struct h2_field fields[] = { { "dir-name", seen->folder }, { "followpaths", seen->followed } };
	cleanup_grpc struct grpc_call *call = NULL;
	cleanup_error struct error *error = NULL;
	bool going = true;
	void *message;
	int r = 1;

	ok(grpc_open(session, "/moby.filesync.v1.FileSync/DiffCopy", fields, seen->followed ? 2 : 1, &call, err));
	while (going && (r = grpc_receive(call, &bk__packet__descriptor, &message, &error)) > 0) {
		going = take_packet(seen, call, message);
		message_free(message);
	}
	if (r < 0)
		snprintf(seen->error, sizeof(seen->error), "%s", error->message);
}

static struct filesync_entry file_entry(const char *path, const char *source, const char *text, size_t len)
{
	return (struct filesync_entry){ .path = path,
					.mode = S_IFREG | 0644,
					.size = len,
					.mtime = 5,
					.source = source,
					.digest = hash_bytes(text, len) };
}

static void see(struct filesync_folder *folder, struct seen *seen, const char **ret_changed)
{
	struct filesync *filesync = filesync_new(folder, 1);
	const struct grpc_method method = filesync_method(filesync);
	static char changed[200];

	in_session(&method, 1, ask_folder, seen);
	snprintf(changed, sizeof(changed), "%s", filesync_changed(filesync) ? filesync_changed(filesync) : "");
	*ret_changed = changed;
	filesync_free(filesync);
}

static void seen_free(struct seen *seen)
{
	buf_free(&seen->stats);
	buf_free(&seen->content);
}

static void test_a_folder(void **state)
{
	enum { LARGE = 700000 };
	cleanup_free char *large = mem_alloc(LARGE);
	struct filesync_entry entries[] = {
		file_entry("a.b", "small", "small", 5),
		{ .path = "a", .mode = S_IFDIR | S_ISVTX | 0750 },
		file_entry("a/f", "large", large, LARGE),
		{ .path = "link", .mode = S_IFLNK | 0777, .link = "a/f" },
		{ .path = "text", .mode = S_IFREG | S_ISUID | 0755, .size = 3, .data = "abc" },
		file_entry("void", "void", "", 0),
	};
	struct filesync_folder folder = { .name = "context", .entries = entries, .len = 6 };
	static const struct {
		long wanted;
		const char *text;
		size_t len;
	} cases[] = { { 1, NULL, LARGE }, { 2, "small", 5 }, { 4, "abc", 3 }, { 5, "", 0 } };
	const char *changed;

	(void)state;
	for (size_t i = 0; i < LARGE; i++)
		large[i] = (char)(i * 7 + i / 1000);
	folder.entries[2].digest = hash_bytes(large, LARGE);
	write_file("small", "small", 5);
	write_file("large", large, LARGE);
	write_file("void", "", 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct seen seen = { .folder = "context", .wanted = cases[i].wanted };

		see(&folder, &seen, &changed);
		/* "a/f" before "a.b": the slash is the lowest. */
		assert_string_equal(seen.stats.data, "a 801001e8 0\na/f 1a4 700000\na.b 1a4 5\nlink 80001ff 0 -> a/f\n"
						     "text 8001ed 3\nvoid 1a4 0\n");
		assert_string_equal(seen.error, "");
		assert_int_equal(seen.content.len, cases[i].len);
		if (cases[i].len > 0)
			assert_memory_equal(seen.content.data, cases[i].text ? cases[i].text : large, cases[i].len);
		assert_string_equal(changed, "");
		seen_free(&seen);
	}
}

/* A file that is not what was hashed: its last bytes are not sent, and it is named. */
static void expect_changed(const char *now)
{
	struct filesync_entry entry = file_entry("f", "file", "before", 6);
	struct filesync_folder folder = { .name = "context", .entries = &entry, .len = 1 };
	struct seen seen = { .folder = "context", .wanted = 0 };
	const char *changed;

	unlink("file");
	if (now)
		write_file("file", now, strlen(now));
	see(&folder, &seen, &changed);
	assert_string_equal(changed, "file");
	assert_string_equal(seen.error, "f changed since it was last read");
	assert_int_equal(seen.content.len, 0);
	seen_free(&seen);
}

static void test_a_file_that_changed(void **state)
{
	(void)state;
	expect_changed("BEFORE");
	expect_changed("longer than before");
	expect_changed("less");
	expect_changed("");
	expect_changed(NULL);
}

static void test_what_is_not_there(void **state)
{
	struct filesync_entry entries[] = { { .path = "d", .mode = S_IFDIR | 0755 },
					    { .path = ".dockerignore", .mode = S_IFREG | 0644, .data = "" } };
	struct filesync_folder folder = { .name = "named", .hint = ".dockerignore", .entries = entries, .len = 1 };
	struct seen unknown = { .folder = "other", .wanted = -1 }, number = { .folder = "named", .wanted = 7 };
	struct seen dir = { .folder = "named", .wanted = 0 };
	struct seen hint = { .folder = "named", .followed = ".dockerignore", .wanted = -1 };
	const char *changed;

	(void)state;
	see(&folder, &unknown, &changed);
	assert_non_null(strstr(unknown.error, "there is no folder other"));
	see(&folder, &number, &changed);
	assert_non_null(strstr(number.error, "no file with the number 7"));
	see(&folder, &dir, &changed);
	assert_non_null(strstr(dir.error, "no file with the number 0"));
	/* The ignore file alone: nothing, unless it counts. */
	see(&folder, &hint, &changed);
	assert_int_equal(hint.stats.len, 0);
	assert_string_equal(hint.error, "");
	folder.len = 2;
	see(&folder, &hint, &changed);
	assert_string_equal(hint.stats.data, ".dockerignore 1a4 0\n");
	seen_free(&unknown);
	seen_free(&number);
	seen_free(&dir);
	seen_free(&hint);
}

/* ---- what was shown ---- */

static void settle(const char *dir, struct filesync_entry *entries, size_t len, char key[SHOWN_KEY + 1])
{
	struct filesync_folder folder = { .name = "context", .entries = entries, .len = len };

	ok(shown_settle(dir, "build:a", &folder, 1, key, err));
}

static void test_nothing_is_shown_twice_with_another_content(void **state)
{
	struct filesync_entry file = file_entry("f", "f", "one", 3), link = { .path = "l", .mode = S_IFLNK, .link = "x" };
	char first[SHOWN_KEY + 1], key[SHOWN_KEY + 1];
	int64_t second;

	(void)state;
	settle("shown", &file, 1, first);
	assert_int_equal(strlen(first), SHOWN_KEY);
	assert_int_equal(file.mtime, 5);
	settle("shown", &file, 1, key);
	assert_int_equal(file.mtime, 5);
	/* Same size, same time. */
	file.digest = hash_bytes("two", 3);
	settle("shown", &file, 1, key);
	assert_int_equal(file.mtime, 6);
	file.mtime = 5;
	file.digest = hash_bytes("six", 3);
	settle("shown", &file, 1, key);
	second = file.mtime;
	assert_int_equal(second, 7);
	/* What was shown before may be shown again. */
	file.mtime = 5;
	file.digest = hash_bytes("two", 3);
	settle("shown", &file, 1, key);
	assert_int_equal(file.mtime, 6);
	settle("shown", &link, 1, key);
	link.link = "y";
	settle("shown", &link, 1, key);
	assert_int_equal(link.mtime, 1);
	assert_string_equal(key, first);
}

static void test_when_the_key_is_a_new_one(void **state)
{
	struct filesync_entry dir = { .path = "d", .mode = S_IFDIR | 0755 };
	char first[SHOWN_KEY + 1], key[SHOWN_KEY + 1], back[SHOWN_KEY + 1];
	cleanup_free char *path = NULL;
	char hex[HASH_HEX + 1];

	(void)state;
	settle("shown", &dir, 1, first);
	settle("shown", &dir, 1, key);
	assert_string_equal(key, first);
	/* A folder's mode is not seen. */
	dir.mode = S_IFDIR | 0700;
	settle("shown", &dir, 1, key);
	assert_string_not_equal(key, first);
	dir.mode = S_IFDIR | 0755;
	settle("shown", &dir, 1, back);
	assert_string_not_equal(back, first);
	assert_string_not_equal(back, key);
	/* A copy of the checkout. */
	assert_int_equal(system("cp -a shown copy"), 0);
	settle("copy", &dir, 1, key);
	assert_string_not_equal(key, back);
	assert_memory_equal(key, back, HASH_HEX);
	/* What was remembered is lost, or spoilt. */
	hash_hex(hash_bytes("build:a", 7), hex);
	path = path_join("shown", hex);
	write_file(path, "garbage", 7);
	settle("shown", &dir, 1, key);
	assert_string_not_equal(key, back);
	unlink(path);
	settle("shown", &dir, 1, back);
	assert_string_not_equal(key, back);
}

static void test_what_is_remembered_does_not_grow_for_ever(void **state)
{
	char first[SHOWN_KEY + 1], key[SHOWN_KEY + 1];
	struct stat st;
	cleanup_free char *path = NULL;
	char hex[HASH_HEX + 1];

	(void)state;
	for (int i = 0; i < 6000; i += 1000) {
		struct filesync_entry entries[1000];
		char names[1000][16];

		for (int j = 0; j < 1000; j++) {
			snprintf(names[j], sizeof(names[j]), "%d", i + j);
			entries[j] = file_entry(names[j], "f", "x", 1);
			if (i > 0 && j > 0)
				entries[j] = file_entry("same", "f", "x", 1);
		}
		settle("shown", entries, i == 0 ? 1000 : 1, i == 0 ? first : key);
	}
	assert_string_equal(key, first);
	for (int i = 0; i < 9; i++) {
		struct filesync_entry entries[1000];
		char names[1000][16];

		for (int j = 0; j < 1000; j++) {
			snprintf(names[j], sizeof(names[j]), "%d-%d", i, j);
			entries[j] = file_entry(names[j], "f", "x", 1);
		}
		settle("shown", entries, i < 8 ? 1000 : 1, key);
	}
	assert_string_not_equal(key, first);
	hash_hex(hash_bytes("build:a", 7), hex);
	path = path_join("shown", hex);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 1000);
}

/* ---- secrets ---- */

static void expect_secret(struct h2 *session, const char *id, const char *value)
{
	cleanup_message Bk__SecretAnswer *answer = NULL;
	cleanup_error struct error *error = NULL;
	Bk__SecretRequest request = BK__SECRET_REQUEST__INIT;
	int r;

	request.id = (char *)(uintptr_t)id;
	r = grpc_ask(session, "/moby.buildkit.secrets.v1.Secrets/GetSecret", NULL, 0, &request.base, 0,
		     &bk__secret_answer__descriptor, (void **)&answer, &error);
	assert_int_equal(r, value ? 0 : -1);
	if (!value)
		return;
	assert_int_equal(answer->data.len, strlen(value));
	assert_memory_equal(answer->data.data, value, strlen(value));
}

static void ask_secrets(struct h2 *session, void *data)
{
	(void)data;
	expect_secret(session, "file", "in a file");
	expect_secret(session, "value", "given");
	expect_secret(session, "none", NULL);
	expect_secret(session, "gone", NULL);
}

static void test_secrets(void **state)
{
	static const struct secret_source sources[] = { { "file", "secret", NULL },
							{ "value", NULL, "given" },
							{ "gone", "nowhere", NULL } };
	static const struct secret_list list = { sources, 3 };
	const struct grpc_method method = secrets_method(&list);

	(void)state;
	write_file("secret", "in a file", 9);
	in_session(&method, 1, ask_secrets, NULL);
}

/* ---- blobs ---- */

static int open_write(struct h2 *session, const char *store, struct grpc_call **ret)
{
	const struct h2_field field = { "buildkit-attachable-store-id", store };

	return grpc_open(session, "/containerd.services.content.v1.Content/Write", &field, 1, ret, NULL);
}

static int write_piece(struct grpc_call *call, Bk__WriteAction action, const char *digest, int64_t total,
		       int64_t offset, const char *data, int64_t *ret_offset)
{
	Bk__WriteRequest request = BK__WRITE_REQUEST__INIT;
	cleanup_message Bk__WriteAnswer *answer = NULL;
	int r;

	request.action = action;
	request.ref = "r";
	request.expected = (char *)(uintptr_t)digest;
	request.total = total;
	request.offset = offset;
	request.data.data = (uint8_t *)(uintptr_t)data;
	request.data.len = strlen(data);
	if (grpc_send(call, &request.base, NULL) < 0)
		return -1;
	r = grpc_receive(call, &bk__write_answer__descriptor, (void **)&answer, NULL);
	if (r > 0)
		*ret_offset = answer->offset;
	return r;
}

/* The status that a blob of these pieces ends with. */
static int write_blob(struct h2 *session, const char *store, const char *digest, int64_t total, const char *one,
		      const char *two)
{
	cleanup_grpc struct grpc_call *call = NULL;
	int64_t at = -1, len = (int64_t)strlen(one);
	int r;

	assert_int_equal(open_write(session, store, &call), 0);
	r = write_piece(call, BK__WRITE_ACTION__WRITE_STAT, digest, total, 0, "", &at);
	if (r > 0) {
		assert_int_equal(at, 0);
		r = write_piece(call, BK__WRITE_ACTION__WRITE_DATA, "", 0, 0, one, &at);
	}
	if (r > 0) {
		assert_int_equal(at, len);
		r = write_piece(call, BK__WRITE_ACTION__WRITE_COMMIT, digest, total, len, two, &at);
	}
	while (r > 0)
		r = write_piece(call, BK__WRITE_ACTION__WRITE_STAT, "", 0, 0, "", &at);
	return grpc_status(call).code;
}

struct blobs {
	struct layout *layout;
	char digest[DIGEST_LEN + 1];
};

static void ask_write(struct h2 *session, void *data)
{
	struct blobs *blobs = data;
	static const char none[] = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

	assert_int_equal(write_blob(session, "export", blobs->digest, 11, "hello ", "worlds"), GRPC_PRECONDITION);
	assert_int_equal(write_blob(session, "export", blobs->digest, 0, "hello ", "WORLD"), GRPC_UNKNOWN);
	assert_int_equal(write_blob(session, "export", "sha256:../../x", 0, "", ""), GRPC_INVALID);
	assert_int_equal(write_blob(session, "oci:x", blobs->digest, 11, "hello ", "world"), GRPC_DENIED);
	assert_int_equal(write_blob(session, "other", blobs->digest, 11, "hello ", "world"), GRPC_NOT_FOUND);
	assert_false(layout_has(blobs->layout, blobs->digest, UINT64_MAX));
	assert_int_equal(write_blob(session, "export", blobs->digest, 11, "hello ", "world"), GRPC_OK);
	assert_true(layout_has(blobs->layout, blobs->digest, 11));
	/* What is here is not sent again. */
	assert_int_equal(write_blob(session, "export", blobs->digest, 11, "hello ", "world"), GRPC_EXISTS);
	assert_false(layout_has(blobs->layout, none, UINT64_MAX));
}

static char *read_range(struct h2 *session, const char *digest, int64_t offset, int64_t size)
{
	const struct h2_field field = { "buildkit-attachable-store-id", "oci:x" };
	cleanup_grpc struct grpc_call *call = NULL;
	Bk__ReadRequest request = BK__READ_REQUEST__INIT;
	struct buf out = { 0 };
	void *message;
	int r;

	request.digest = (char *)(uintptr_t)digest;
	request.offset = offset;
	request.size = size;
	ok(grpc_open(session, "/containerd.services.content.v1.Content/Read", &field, 1, &call, err));
	ok(grpc_send(call, &request.base, err));
	ok(grpc_end(call, err));
	while ((r = grpc_receive(call, &bk__read_answer__descriptor, &message, NULL)) > 0) {
		const Bk__ReadAnswer *answer = message;

		buf_add(&out, answer->data.data, answer->data.len);
		message_free(message);
	}
	if (r < 0)
		buf_printf(&out, "!%d", grpc_status(call).code);
	return buf_steal(&out);
}

static void expect_range(struct h2 *session, const char *digest, int64_t offset, int64_t size, const char *wanted)
{
	cleanup_free char *got = read_range(session, digest, offset, size);

	assert_string_equal(got, wanted);
}

static void ask_read(struct h2 *session, void *data)
{
	struct blobs *blobs = data;

	expect_range(session, blobs->digest, 0, 0, "hello world");
	expect_range(session, blobs->digest, 6, 0, "world");
	expect_range(session, blobs->digest, 6, 2, "wo");
	expect_range(session, blobs->digest, 6, 200, "world");
	expect_range(session, blobs->digest, 11, 0, "");
	expect_range(session, blobs->digest, 12, 0, "!11");
	expect_range(session, blobs->digest, -3, INT64_MAX, "hello world");
	expect_range(session, "sha256:../../../../etc/passwd", 0, 0, "!5");
	expect_range(session, "sha256:1111111111111111111111111111111111111111111111111111111111111111", 0, 0, "!5");
}

static void test_blobs(void **state)
{
	struct grpc_method methods[CONTENT_METHODS];
	struct blobs blobs = { 0 };
	struct content *content;

	(void)state;
	ok(layout_open("oci", true, &blobs.layout, err));
	ok(digest_bytes("hello world", 11, blobs.digest, err));
	content = content_new(
		(const struct content_store[]){ { "export", blobs.layout, true }, { "oci:x", blobs.layout, false } }, 2);
	content_methods(content, methods);
	in_session(methods, CONTENT_METHODS, ask_write, &blobs);
	in_session(methods, CONTENT_METHODS, ask_read, &blobs);
	content_free(content);
	layout_free(blobs.layout);
}

/* ---- the agent ---- */

static void *agent_echo(void *arg)
{
	int fd = accept(*(int *)arg, NULL, NULL);
	char block[64];
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		assert_int_equal(write(fd, block, (size_t)n), n);
	close(fd);
	return NULL;
}

static void ask_agent(struct h2 *session, void *data)
{
	cleanup_grpc struct grpc_call *call = NULL;
	cleanup_message Bk__Carried *answer = NULL;
	Bk__AgentRequest request = BK__AGENT_REQUEST__INIT;
	Bk__Carried message = carried("ping", 4);
	void *blank = NULL;

	(void)data;
	request.id = "other";
	assert_int_equal(grpc_ask(session, "/moby.sshforward.v1.SSH/CheckAgent", NULL, 0, &request.base, 0,
				  &bk__blank__descriptor, &blank, NULL),
			 -1);
	request.id = "";
	ok(grpc_ask(session, "/moby.sshforward.v1.SSH/CheckAgent", NULL, 0, &request.base, 0, &bk__blank__descriptor,
		    &blank, err));
	message_free(blank);
	ok(grpc_open(session, "/moby.sshforward.v1.SSH/ForwardAgent", NULL, 0, &call, err));
	ok(grpc_send(call, &message.base, err));
	ok(grpc_receive(call, &bk__carried__descriptor, (void **)&answer, err));
	assert_int_equal(answer->data.len, 4);
	assert_memory_equal(answer->data.data, "ping", 4);
}

static void test_agent(void **state)
{
	static const struct ssh_agent agent = { "default", "agent.sock" };
	static const struct ssh_agents agents = { &agent, 1 };
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "agent.sock" };
	struct grpc_method methods[SSH_METHODS];
	pthread_t thread;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, agent_echo, &listener), 0);
	ssh_methods(&agents, methods);
	in_session(methods, SSH_METHODS, ask_agent, NULL);
	pthread_join(thread, NULL);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_health),
		TEST(test_a_folder),
		TEST(test_a_file_that_changed),
		TEST(test_what_is_not_there),
		TEST(test_nothing_is_shown_twice_with_another_content),
		TEST(test_when_the_key_is_a_new_one),
		TEST(test_what_is_remembered_does_not_grow_for_ever),
		TEST(test_secrets),
		TEST(test_blobs),
		TEST(test_agent),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120); /* what hangs is a fault */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
