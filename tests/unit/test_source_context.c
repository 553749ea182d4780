#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/source/context.h"
#include "engine/source/ignore.h"
#include "engine/source/statindex.h"
#include "tests/unit/source_world.h"

static char *list(struct source *source, size_t selection)
{
	struct buf out = { 0 };
	size_t len;
	const struct source_entry *entries = source_entries(source, selection, &len);

	buf_str(&out, "");
	for (size_t i = 0; i < len; i++)
		buf_printf(&out, "%s%s%c", i ? " " : "", entries[i].path, entries[i].type);
	return buf_steal(&out);
}

static void expect(struct source *source, size_t selection, const char *expected)
{
	char *found = list(source, selection);

	assert_string_equal(found, expected);
	free(found);
}

/* The entries of one filter on the world's folder. */
static void expect_filter(const struct world *world, const struct filter *filter, const char *expected)
{
	struct source *source = begin(world, 0);
	size_t selection = source_add(source, world->dir, filter);

	scan(source);
	expect(source, selection, expected);
	source_free(source);
}

static struct hash128 digest_of(const struct world *world)
{
	struct source *source = begin(world, 0);
	size_t selection = source_add(source, world->dir, &whole);
	struct hash128 digest;

	scan(source);
	digest = source_digest(source, selection);
	source_free(source);
	return digest;
}

static void expect_changed(struct source *source, const char *expected)
{
	char *changed = source_changed(source, 0);

	if (expected)
		assert_string_equal(changed, expected);
	else
		assert_null(changed);
	free(changed);
}

static void test_order(void **state)
{
	struct world *world = *state;
	struct source *source;

	put(world, "a/b", "1");
	put(world, "a/c/d", "1");
	put(world, "a-b", "1");
	put(world, "a!/x", "1");
	put(world, "a!!/x", "1");
	put(world, "a0", "1");
	put(world, "B", "1");
	put(world, "\303\251", "1");
	put(world, "\377", "1");
	put(world, "new\nline", "1");
	expect_filter(world, &whole, "Bf ad a!d a!!d a!!/xf a!/xf a-bf a/bf a/cd a/c/df a0f new\nlinef \303\251f \377f");
	source = begin(world, 0);
	source_add(source, world->dir, &whole);
	scan(source);
	for (size_t i = 1, len; source_entries(source, 0, &len) && i < len; i++)
		assert_true(strcmp(source_entries(source, 0, &len)[i - 1].path,
				   source_entries(source, 0, &len)[i].path) < 0);
	source_free(source);
}

/* Each change that counts gives another digest, and what does not count gives the same. */
static void test_digest(void **state)
{
	struct world *world = *state;
	struct hash128 before, now;
	char *file = at(world, "a/f"), *link = at(world, "l"), *empty = at(world, "empty");
	struct timespec times[2] = { { 1000000000, 0 }, { 1000000000, 0 } };

	put(world, "a/f", "content");
	assert_int_equal(symlink("a/f", link), 0);
	assert_int_equal(mkdir(empty, 0755), 0);
	before = digest_of(world);
	assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
	put(world, "a/f", "content");
	now = digest_of(world);
	assert_true(hash_equal(before, now));
#define CHANGED() (now = digest_of(world), assert_false(hash_equal(before, now)), before = now)
	put(world, "a/f", "Content");
	CHANGED();
	assert_int_equal(chmod(file, 0755), 0);
	CHANGED();
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink("a/g", link), 0);
	CHANGED();
	assert_int_equal(rmdir(empty), 0);
	CHANGED();
	put(world, "a/new", "");
	CHANGED();
	assert_int_equal(unlink(link), 0);
	put(world, "l", "a/g");
	CHANGED();
	assert_int_equal(unlink(link), 0);
	assert_int_equal(mkdir(link, 0755), 0);
	CHANGED();
#undef CHANGED
	free(file);
	free(link);
	free(empty);
}

static void test_ignore(void **state)
{
	struct world *world = *state;
	static const char text[] = "*\n!src\nsrc/*.o\n!src/keep.o\nsrc/deep\n!src/deep/*/x\n";
	struct ignore *ignore = NULL;
	struct filter filter = { .whole = true };

	put(world, "README", "1");
	put(world, "src/a.c", "1");
	put(world, "src/a.o", "1");
	put(world, "src/keep.o", "1");
	put(world, "src/deep/y/x", "1");
	put(world, "src/deep/y/z", "1");
	put(world, "other/x", "1");
	assert_int_equal(ignore_parse(text, strlen(text), "x", &ignore, NULL), 0);
	filter.ignore = ignore;
	expect_filter(world, &filter, "srcd src/a.cf src/deepd src/deep/yd src/deep/y/xf src/keep.of");
	ignore_free(ignore);
}

/* True when the digest, by the index and without it, is another one than before; kept in *digest. */
static bool differs(const struct world *world, const struct filter *filter, struct hash128 *digest)
{
	struct hash128 found[2];

	for (size_t i = 0; i < 2; i++) {
		struct source *source = NULL;
		size_t selection;

		assert_int_equal(source_open(world->dir, i ? NULL : world->index, &source, NULL), 0);
		source_clock(source, time(NULL) + LATER);
		selection = source_add(source, world->dir, filter);
		scan(source);
		found[i] = source_digest(source, selection);
		assert_int_equal(source_save(source, NULL), 0);
		source_free(source);
	}
	tick(world);
	assert_true(hash_equal(found[0], found[1]));
	if (hash_equal(found[0], *digest))
		return false;
	*digest = found[0];
	return true;
}

/* BuildKit sends the folders on the way to what is brought back as they are, and no others. */
static void test_ignored_folders(void **state)
{
	struct world *world = *state;
	static const char text[] = "*\n!x/y/z\n!w\n!v/*.c\n";
	char *x = at(world, "x"), *y = at(world, "x/y"), *v = at(world, "v"), *u = at(world, "u");
	const char *patterns[] = { "x/y" };
	struct ignore *ignore = NULL;
	struct filter filter = { .whole = true };
	struct hash128 digest = { 0 };

	put(world, "x/y/z", "1");
	put(world, "x/y/other", "1");
	put(world, "w/only", "1");
	put(world, "v/x.h", "1");
	put(world, "u/x.c", "1");
	assert_int_equal(ignore_parse(text, strlen(text), "x", &ignore, NULL), 0);
	filter.ignore = ignore;
	expect_filter(world, &filter, "wd w/onlyf xd x/yd x/y/zf");
	assert_true(differs(world, &filter, &digest));
	assert_int_equal(chmod(v, 0700) | chmod(u, 0700), 0);
	assert_false(differs(world, &filter, &digest));
	assert_int_equal(chmod(y, 0700), 0);
	assert_true(differs(world, &filter, &digest));
	assert_int_equal(chmod(x, 0700), 0);
	assert_true(differs(world, &filter, &digest));
	put(world, "v/x.c", "1");
	assert_true(differs(world, &filter, &digest));
	assert_int_equal(chmod(v, 0755), 0);
	assert_true(differs(world, &filter, &digest));
	/* those on the way to a COPY's source are not in the image, but for --parents */
	filter = (struct filter){ .ignore = ignore, .patterns = patterns, .patterns_len = 1 };
	expect_filter(world, &filter, "x/yd x/y/zf");
	filter.parents = true;
	expect_filter(world, &filter, "xd x/yd x/y/zf");
	patterns[0] = "v/none";
	expect_filter(world, &filter, "");
	ignore_free(ignore);
	free(x);
	free(y);
	free(v);
	free(u);
}

static void test_attributes(void **state)
{
	struct world *world = *state;
	char *file = at(world, "d/f"), *folder = at(world, "d");
	struct hash128 digest = { 0 };
	struct source *source;

	put(world, "d/f", "1");
	assert_true(differs(world, &whole, &digest));
	if (setxattr(folder, "user.note", "1", 1, 0) < 0 && errno == ENOTSUP)
		skip();
	assert_true(differs(world, &whole, &digest));
	assert_int_equal(setxattr(folder, "user.note", "2", 1, 0), 0);
	assert_true(differs(world, &whole, &digest));
	assert_int_equal(setxattr(file, "user.note", "2", 1, 0), 0);
	assert_true(differs(world, &whole, &digest));
	source = begin(world, 0);
	source_add(source, world->dir, &whole);
	scan(source);
	assert_int_equal(removexattr(folder, "user.note"), 0);
	expect_changed(source, "d");
	source_free(source);
	assert_true(differs(world, &whole, &digest));
	free(file);
	free(folder);
}

static void test_patterns(void **state)
{
	struct world *world = *state;
	const char *patterns[] = { "a/*.c", "b", "none", "c/[xy]/z" }, *deep[] = { "**/*.c", "b/**" },
		   *except[] = { "b/gen", "a/1.c" };
	struct filter filter = { .patterns = patterns, .patterns_len = 4 };
	struct source *source;

	put(world, "a/1.c", "1");
	put(world, "a/2.c/x", "1");
	put(world, "a/3.h", "1");
	put(world, "a/d/4.c", "1");
	put(world, "b/gen", "1");
	put(world, "b/s/t", "1");
	put(world, "c/x/z", "1");
	put(world, "c/y/w", "1");
	put(world, "c/z/z", "1");
	expect_filter(world, &filter, "a/1.cf a/2.cd a/2.c/xf bd b/genf b/sd b/s/tf c/x/zf");
	source = begin(world, 0);
	source_add(source, world->dir, &filter);
	scan(source);
	assert_int_equal(source_unmatched(source, 0), 2);
	source_free(source);
	filter.except = except;
	filter.except_len = 2;
	expect_filter(world, &filter, "a/2.cd a/2.c/xf bd b/sd b/s/tf c/x/zf");
	filter.except_len = 0;
	filter.parents = true;
	filter.patterns_len = 1;
	expect_filter(world, &filter, "ad a/1.cf a/2.cd a/2.c/xf");
	filter = (struct filter){ .patterns = deep, .patterns_len = 2, .deep = true };
	expect_filter(world, &filter, "a/1.cf a/2.cd a/2.c/xf a/d/4.cf bd b/genf b/sd b/s/tf");
}

/* What a pattern leaves out is told from the folder on that it names; others may take it all the same. */
static void test_excludes(void **state)
{
	struct world *world = *state;
	static const char text[] = "*.o\nsub/gen\n", other[] = "*\n";
	struct ignore *some = NULL, *all = NULL;
	const char *patterns[] = { "src", "out/x.o", "dir-?/*" };
	const struct ignore *excludes[3];
	struct filter filter = { .patterns = patterns, .patterns_len = 2, .excludes = excludes };

	assert_int_equal(ignore_parse(text, strlen(text), "x", &some, NULL), 0);
	assert_int_equal(ignore_parse(other, strlen(other), "x", &all, NULL), 0);
	excludes[0] = excludes[1] = some;
	excludes[2] = all;
	put(world, "src/a.c", "1");
	put(world, "src/a.o", "1");
	put(world, "src/sub/b.o", "1");
	put(world, "src/sub/gen/c", "1");
	put(world, "out/x.o", "1");
	put(world, "dir-1/f", "1");
	put(world, "dir-1/d/f", "1");
	expect_filter(world, &filter, "out/x.of srcd src/a.cf src/subd src/sub/b.of");
	filter.patterns_len = 3;
	expect_filter(world, &filter, "dir-1/dd dir-1/ff out/x.of srcd src/a.cf src/subd src/sub/b.of");
	patterns[1] = "src/sub";
	expect_filter(world, &filter,
		      "dir-1/dd dir-1/ff srcd src/a.cf src/subd src/sub/b.of src/sub/gend src/sub/gen/cf");
	patterns[1] = "src";
	excludes[1] = NULL;
	expect_filter(world, &filter,
		      "dir-1/dd dir-1/ff srcd src/a.cf src/a.of src/subd src/sub/b.of src/sub/gend src/sub/gen/cf");
	ignore_free(some);
	ignore_free(all);
}

/* A pattern that only what `prepare` makes answers to has its match, and so has one below what another one takes. */
static void test_unmatched_except(void **state)
{
	struct world *world = *state;
	const char *patterns[] = { "gen/x.go", "gen", "d", "d/in", "other" }, *except[] = { "gen/x.go" };
	struct filter filter = { .patterns = patterns, .patterns_len = 5, .except = except, .except_len = 1 };
	struct source *source = begin(world, 0);

	put(world, "f", "1");
	put(world, "d/in", "1");
	source_add(source, world->dir, &filter);
	scan(source);
	assert_int_equal(source_unmatched(source, 0), 4);
	source_free(source);
}

/* The builders follow the links that a COPY names. */
static void test_detours(void **state)
{
	struct world *world = *state;
	const char *patterns[] = { "link/x", "file", "abs", "out", "loop", "glob*" };
	struct filter filter = { .patterns = patterns, .patterns_len = 6 };
	static const char *const links[][2] = {
		{ "real", "link" }, { "target", "file" },  { "/real/y", "abs" },   { "../../etc/passwd", "out" },
		{ "loop", "loop" }, { "second", "glob1" }, { "real/z", "second" },
	};
	char *path;

	put(world, "real/x", "1");
	put(world, "real/y", "1");
	put(world, "real/z/w", "1");
	put(world, "real/unused", "1");
	put(world, "target", "1");
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		path = at(world, links[i][1]);
		assert_int_equal(symlink(links[i][0], path), 0);
		free(path);
	}
	expect_filter(world, &filter,
		      "absl filel glob1l linkl loopl outl real/xf real/yf real/zd real/z/wf secondl targetf");
	patterns[0] = "up";
	filter.patterns_len = 1;
	path = at(world, "up");
	assert_int_equal(symlink("link/../real/x", path), 0);
	free(path);
	expect_filter(
		world, &filter,
		"absl filel glob1l linkl loopl outl reald real/unusedf real/xf real/yf real/zd real/z/wf secondl targetf upl");
}

/* Also in a folder that another pattern takes as a whole, before it or behind it. */
static void test_detours_inside(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *pattern, *behind; /* what the pattern leads to outside of the folder */
	} cases[] = {
		{ "src/deep", "" },
		{ "src/l", "shared/ff " },
		{ "*/l", "shared/ff " },
		{ "src/*", "shared/ff shared/gf " },
		{ "src/deep/m", "shared/gf " },
		{ "src/deep/to/o", "shared/of " },
		{ "src/deep/to", "sharedd shared/ff shared/gf shared/of " },
		{ "src/twice", "shared/gf " },
	};
	static const char *const links[][2] = {
		{ "../shared/f", "src/l" },
		{ "/shared/g", "src/deep/m" },
		{ "../../shared", "src/deep/to" },
		{ "deep/m", "src/twice" },
	};
	const char *deep[] = { "src/**", "src" };

	put(world, "shared/f", "1");
	put(world, "shared/g", "1");
	put(world, "shared/o", "1");
	put(world, "src/deep/x", "1");
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		char *path = at(world, links[i][1]);

		assert_int_equal(symlink(links[i][0], path), 0);
		free(path);
	}
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
		const char *patterns[] = { i % 2 ? "src" : cases[i / 2].pattern, i % 2 ? cases[i / 2].pattern : "src" };
		cleanup_free char *expected = mem_printf(
			"%ssrcd src/deepd src/deep/ml src/deep/tol src/deep/xf src/ll src/twicel", cases[i / 2].behind);

		expect_filter(world, &(struct filter){ .patterns = patterns, .patterns_len = 2 }, expected);
	}
	/* who takes all that is in a folder is not led out of it */
	expect_filter(world, &(struct filter){ .patterns = deep, .patterns_len = 2, .deep = true },
		      "srcd src/deepd src/deep/ml src/deep/tol src/deep/xf src/ll src/twicel");
}

/* buildah follows a link through others that are ignored, or lie in ignored folders: what it then copies counts. */
static void test_detours_ignored(void **state)
{
	struct world *world = *state;
	const char *patterns[] = { "to", "in/x", "own", "shut.x", "ignored", "not.x" };
	struct filter filter = { .patterns = patterns, .patterns_len = 6 };
	static const char *const links[][2] = {
		{ "file.x", "to" },         { "f", "file.x" }, { "folder.x", "in" }, { "real", "folder.x" },
		{ "shut.x/deep/l", "own" }, { "f", "not.x" },  { "g.x", "ignored" },
	};
	static const char lines[] = "*.x\nshut.x\n";

	put(world, "f", "1");
	put(world, "g.x", "1");
	put(world, "h", "1");
	put(world, "real/x", "1");
	put(world, "real/y", "1");
	put(world, "shut.x/deep/other", "1");
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		cleanup_free char *path = at(world, links[i][1]);

		assert_int_equal(symlink(links[i][0], path), 0);
	}
	{
		cleanup_free char *path = at(world, "shut.x/deep/l");

		assert_int_equal(symlink("../../h", path), 0);
	}
	assert_int_equal(ignore_parse(lines, sizeof(lines) - 1, "x", (struct ignore **)&filter.ignore, NULL), 0);
	expect_filter(world, &filter, "ff hf ignoredl inl ownl real/xf tol");
	ignore_free((struct ignore *)filter.ignore);
}

/* With buildah the patterns of an ignore file see the path that a COPY names, not where a link in the middle of it leads: what is
 * ignored there is copied, and counts. BuildKit does not get it. */
static void test_ignored_behind_links(void **state)
{
	struct world *world = *state;
	const char *patterns[] = { "q/m/b", "q/m/k", "end", "q/m/w*" };
	struct filter filter = { .patterns = patterns, .patterns_len = 4 };
	static const char *const links[][2] = { { "../p", "q/m" },
						{ "sub", "p/k" },
						{ "p/e", "end" },
						{ "../r/t", "p/wl" } };
	static const char lines[] = "p\nr\n";
	static const char *const files[] = { "p/b", "p/e", "p/other", "p/sub/s", "p/w", "r/t", "r/u" };
	struct source *source = begin(world, 0);
	const struct source_entry *entries;
	struct buf shown = { 0 };
	size_t selection, len;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		put(world, files[i], "1");
	put(world, "q/x", "1");
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		cleanup_free char *path = at(world, links[i][1]);

		assert_int_equal(symlink(links[i][0], path), 0);
	}
	assert_int_equal(ignore_parse(lines, sizeof(lines) - 1, "x", (struct ignore **)&filter.ignore, NULL), 0);
	expect_filter(world, &filter, "endl p/bf p/kl p/subd p/sub/sf p/wf p/wll q/ml r/tf");
	selection = source_add(source, world->dir, &filter);
	assert_int_equal(source_scan(source, NULL), 0);
	entries = source_entries(source, selection, &len);
	for (size_t i = 0; i < len; i++)
		if (!entries[i].behind)
			buf_printf(&shown, "%s ", entries[i].path);
	assert_string_equal(shown.data, "end q/m ");
	buf_free(&shown);
	{
		cleanup_free char *path = at(world, "q/m");

		assert_int_equal(unlink(path), 0);
		assert_int_equal(symlink("x/../../p", path), 0); /* where that leads depends on what x is */
	}
	expect_filter(world, &filter,
		      "endl pd p/bf p/ef p/kl p/otherf p/subd p/sub/sf p/wf p/wll qd q/ml q/xf rd r/tf r/uf");
	source_free(source);
	ignore_free((struct ignore *)filter.ignore);
}

static void expect_error(const struct world *world, const struct filter *filter, const char *words)
{
	struct source *source = begin(world, 0);
	struct error *err = NULL;

	source_add(source, world->dir, filter);
	assert_int_equal(source_scan(source, &err), -1);
	assert_int_equal(err->cls, ERROR_USAGE);
	if (!strstr(err->message, words))
		fail_msg("%s", err->message);
	error_free(err);
	source_free(source);
}

static void test_special(void **state)
{
	struct world *world = *state;
	char *fifo = at(world, "d/fifo"), *path = at(world, "a.sock");
	struct ignore *ignore = NULL;
	struct filter filter = { .whole = true };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	put(world, "d/f", "1");
	assert_int_equal(mkfifo(fifo, 0644), 0);
	expect_error(world, &whole, "/tree/d/fifo: a named pipe");
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	expect_error(world, &whole, "/tree/a.sock: a socket"); /* the first of the two in byte order */
	assert_int_equal(ignore_parse("**/fifo\n*.sock", 14, "x", &ignore, NULL), 0);
	filter.ignore = ignore;
	expect_filter(world, &filter, "dd d/ff");
	ignore_free(ignore);
	close(fd);
	free(fifo);
	free(path);
}

static void test_missing(void **state)
{
	struct world *world = *state;
	struct source *source = begin(world, 0);
	struct error *err = NULL;
	char *path = at(world, "nowhere");

	source_add(source, path, &whole);
	assert_int_equal(source_scan(source, &err), -1);
	assert_non_null(strstr(err->message, "/tree/nowhere: the folder does not exist"));
	error_free(err);
	source_free(source);
	put(world, "nowhere", "1");
	err = NULL;
	source = begin(world, 0);
	source_add(source, path, &whole);
	assert_int_equal(source_scan(source, &err), -1);
	assert_non_null(strstr(err->message, "this is not a folder"));
	error_free(err);
	source_free(source);
	free(path);
}

/* The same in a process that is nobody: root reads everything. */
static void expect_error_as_nobody(const struct world *world, const char *words)
{
	pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0) {
		struct source *source = NULL;
		struct error *err = NULL;

		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(2);
		source_open(world->dir, NULL, &source, NULL);
		source_add(source, world->dir, &whole);
		_exit(source_scan(source, &err) == -1 && err->cls == ERROR_STATE && strstr(err->message, words) ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_unreadable(void **state)
{
	struct world *world = *state;
	char *file = at(world, "secret"), *dir = at(world, "closed"), *above = path_dir(world->dir);

	assert_int_equal(chmod(above, 0755), 0);
	put(world, "secret", "1");
	assert_int_equal(chmod(file, 0), 0);
	expect_error_as_nobody(world, "/tree/secret: cannot be read: Permission denied");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(mkdir(dir, 0), 0);
	expect_error_as_nobody(world, "/tree/closed: the folder cannot be read: Permission denied");
	free(file);
	free(dir);
	free(above);
}

static void test_deep(void **state)
{
	struct world *world = *state;
	struct buf path = { 0 };

	for (int i = 0; i < 400; i++)
		buf_str(&path, "d/");
	buf_str(&path, "f");
	put(world, path.data, "1");
	expect_error(world, &whole, "folders are nested too deep");
	buf_free(&path);
}

/* Many selections of one folder and of folders inside it: each sees its own, from one walk. */
static void test_nested(void **state)
{
	struct world *world = *state;
	const char *only_a[] = { "s/a" }, *only_deep[] = { "s/b/x" };
	struct filter a = { .patterns = only_a, .patterns_len = 1 }, b = { .patterns = only_deep, .patterns_len = 1 },
		      none = { 0 };
	struct ignore *ignore = NULL;
	struct filter ignoring = { .whole = true };
	char *s = at(world, "s"), *sa = at(world, "s/a"), *sb = at(world, "s/b"), *sbx = at(world, "s/b/x"),
	     *sl = at(world, "link");
	struct source *source = begin(world, 0);
	size_t n[9];

	put(world, "s/a/1", "1");
	put(world, "s/b/x/2", "1");
	put(world, "s/b/y", "1");
	put(world, "top", "1");
	assert_int_equal(symlink("s/b", sl), 0);
	assert_int_equal(ignore_parse("s", 1, "x", &ignore, NULL), 0);
	ignoring.ignore = ignore;
	n[0] = source_add(source, world->dir, &a);
	n[1] = source_add(source, sbx, &whole);
	n[2] = source_add(source, world->dir, &b);
	n[3] = source_add(source, sa, &whole);
	n[4] = source_add(source, s, &ignoring);
	n[5] = source_add(source, world->dir, &ignoring);
	n[6] = source_add(source, sl, &whole);
	n[7] = source_add(source, sb, &none);
	n[8] = source_add(source, s, &whole);
	assert_int_equal(source_add(source, sa, &whole), n[3]);
	scan(source);
	expect(source, n[0], "s/ad s/a/1f");
	expect(source, n[1], "2f");
	expect(source, n[2], "s/b/xd s/b/x/2f");
	expect(source, n[3], "1f");
	expect(source, n[4], "ad a/1f bd b/xd b/x/2f b/yf");
	expect(source, n[5], "linkl topf");
	expect(source, n[6], "xd x/2f yf");
	expect(source, n[7], "");
	expect(source, n[8], "ad a/1f bd b/xd b/x/2f b/yf");
	source_free(source);
	ignore_free(ignore);
	free(s);
	free(sa);
	free(sb);
	free(sbx);
	free(sl);
}

/* Runs a scan that saves, `ahead` seconds from now; true when the index was written. */
static bool run(const struct world *world, int64_t ahead, struct hash128 *ret)
{
	struct source *source = begin(world, ahead);
	size_t selection = source_add(source, world->dir, &whole);
	struct stat before = { 0 }, after = { 0 };

	stat(world->index, &before);
	scan(source);
	assert_int_equal(source_save(source, NULL), 0);
	*ret = source_digest(source, selection);
	source_free(source);
	stat(world->index, &after);
	tick(world);
	return before.st_ino != after.st_ino;
}

/* Makes the index say that the file has another content, to see whether it is asked. */
static void forge(const struct world *world, const char *content, const char *lie)
{
	struct hash128 real = hash_bytes(content, strlen(content)), forged = hash_bytes(lie, strlen(lie)), sum;
	struct buf file = { 0 };
	bool found = false;

	assert_int_equal(fs_read(world->index, 1 << 20, &file, NULL), 0);
	for (size_t i = 24; i + sizeof(real) <= file.len; i++) {
		if (memcmp(file.data + i, &real, sizeof(real)) != 0)
			continue;
		memcpy(file.data + i, &forged, sizeof(forged));
		found = true;
	}
	assert_true(found);
	sum = hash_bytes(file.data + 24, file.len - 24);
	memcpy(file.data + 8, &sum, sizeof(sum));
	assert_int_equal(fs_replace(world->index, file.data, file.len, 0644, NULL), 0);
	buf_free(&file);
}

static bool believes(const struct world *world, const char *name, const char *lie, int64_t ahead)
{
	struct source *source = begin(world, ahead);
	struct hash128 forged = hash_bytes(lie, strlen(lie));
	bool believed = false;
	size_t len;

	source_add(source, world->dir, &whole);
	scan(source);
	for (size_t i = 0; source_entries(source, 0, &len) && i < len; i++)
		if (strcmp(source_entries(source, 0, &len)[i].path, name) == 0)
			believed = hash_equal(source_entries(source, 0, &len)[i].digest, forged);
	source_free(source);
	return believed;
}

static void test_index(void **state)
{
	struct world *world = *state;
	struct hash128 first, second;
	char *path = at(world, "d/f"), *moved = at(world, "d/moved"), *link = at(world, "link");

	put(world, "d/f", "content");
	put(world, "d/young", "another");
	assert_int_equal(symlink("somewhere", link), 0);
	assert_false(run(world, 0, &first)); /* all of it is too young to be trusted */
	assert_true(run(world, LATER, &first));
	assert_false(run(world, LATER, &second)); /* nothing to add */
	assert_true(hash_equal(first, second));
	forge(world, "content", "lie");
	assert_true(believes(world, "d/f", "lie", LATER));   /* nothing was read */
	assert_false(believes(world, "d/f", "lie", -LATER)); /* a time in the future may come again */
	assert_int_equal(chmod(path, 0600), 0);
	assert_false(believes(world, "d/f", "lie", LATER));
	assert_true(run(world, LATER, &second));
	forge(world, "content", "lie");
	assert_true(believes(world, "d/f", "lie", LATER));
	put(world, "d/f", "content");
	assert_false(believes(world, "d/f", "lie", LATER));
	assert_true(run(world, LATER, &second));
	assert_int_equal(rename(path, moved), 0);
	assert_true(run(world, LATER, &second));
	assert_int_equal(unlink(moved), 0);
	assert_true(run(world, LATER, &second)); /* what is gone is forgotten */
	assert_false(run(world, LATER, &second));
	free(path);
	free(moved);
	free(link);
}

/* Same size, same times as far as can be set: the other time and the inode tell. */
static void test_same_size_and_time(void **state)
{
	struct world *world = *state;
	struct timespec times[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	struct hash128 first, second;
	char *path = at(world, "f");

	put(world, "f", "one");
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	run(world, LATER, &first);
	put(world, "f", "two");
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	run(world, LATER, &second);
	assert_false(hash_equal(first, second));
	free(path);
}

/* Runs that look at a part keep what others learned. */
static void test_index_parts(void **state)
{
	struct world *world = *state;
	char *a = at(world, "a"), *outside = path_dir(world->dir), *other = path_join(outside, "other");
	struct hash128 digest;
	struct source *source;
	size_t len;

	put(world, "a/f", "content");
	put(world, "b/g", "bbb");
	put(world, "../other/h", "outside");
	source = begin(world, LATER);
	source_add(source, a, &whole);
	source_add(source, other, &whole);
	scan(source);
	assert_int_equal(source_save(source, NULL), 0);
	source_free(source);
	assert_true(run(world, LATER, &digest));
	source = begin(world, LATER);
	source_add(source, other, &whole);
	scan(source);
	assert_int_equal(source_save(source, NULL), 0);
	source_free(source);
	forge(world, "content", "lie");
	forge(world, "bbb", "lie");
	forge(world, "outside", "lie");
	assert_true(believes(world, "a/f", "lie", LATER));
	assert_true(believes(world, "b/g", "lie", LATER));
	source = begin(world, LATER);
	source_add(source, other, &whole);
	scan(source);
	assert_true(hash_equal(source_entries(source, 0, &len)[0].digest, hash_bytes("lie", 3)));
	source_free(source);
	free(a);
	free(outside);
	free(other);
}

/* A folder that is only passed on the way to a pattern keeps what is known of the files beside the way. */
static void test_index_beside_the_way(void **state)
{
	struct world *world = *state;
	const char *patterns[] = { "x/y/f" };
	struct filter way = { .patterns = patterns, .patterns_len = 1 };
	char *output = at(world, "x/out/made");
	struct hash128 digest;
	struct source *source;
	bool found;

	put(world, "x/y/f", "content");
	put(world, "x/out/made", "output");
	for (int i = 0; i < 2; i++) {
		if (i == 1)
			put(world, "x/y/f", "changed"); /* so that the index is written again */
		source = begin(world, LATER);
		source_add(source, world->dir, &way);
		scan(source);
		if (i == 0)
			assert_int_equal(source_file(source, output, &digest, &found, NULL), 0);
		assert_int_equal(source_save(source, NULL), 0);
		source_free(source);
	}
	forge(world, "output", "lie");
	source = begin(world, LATER);
	assert_int_equal(source_file(source, output, &digest, &found, NULL), 0);
	assert_true(found && hash_equal(digest, hash_bytes("lie", 3)));
	source_free(source);
	free(output);
}

/* Whatever stands in the index's file: the same entries, and no crash. */
static void test_damaged(void **state)
{
	struct world *world = *state;
	struct hash128 good, now;
	struct buf file = { 0 };

	put(world, "d/e/f", "content");
	put(world, "g", "more");
	assert_true(run(world, LATER, &good));
	assert_int_equal(fs_read(world->index, 1 << 20, &file, NULL), 0);
	for (size_t len = 0; len < file.len; len++) {
		assert_int_equal(fs_replace(world->index, file.data, len, 0644, NULL), 0);
		now = digest_of(world);
		assert_true(hash_equal(good, now));
	}
	for (size_t i = 0; i < file.len; i++) {
		file.data[i] ^= 0x41;
		assert_int_equal(fs_replace(world->index, file.data, file.len, 0644, NULL), 0);
		now = digest_of(world);
		assert_true(hash_equal(good, now));
		file.data[i] ^= 0x41;
	}
	buf_char(&file, 'x');
	assert_int_equal(fs_replace(world->index, file.data, file.len, 0644, NULL), 0);
	assert_true(run(world, LATER, &now));
	assert_true(hash_equal(good, now));
	buf_free(&file);
}

/* Any numbers with a right checksum: nothing is read outside the file. */
static void test_forged_numbers(void **state)
{
	struct world *world = *state;
	struct hash128 good, sum;
	struct buf file = { 0 };

	put(world, "d/e/f", "content");
	put(world, "g", "more");
	assert_true(run(world, LATER, &good));
	assert_int_equal(fs_read(world->index, 1 << 20, &file, NULL), 0);
	for (size_t i = 24; i + 4 <= file.len; i += 4) {
		static const uint32_t values[] = { 0, 1, 2, 3, 0x7fffffff, 0xffffffff };
		char saved[4];

		memcpy(saved, file.data + i, 4);
		for (size_t v = 0; v < sizeof(values) / sizeof(*values); v++) {
			struct hash128 ignored;

			memcpy(file.data + i, &values[v], 4);
			sum = hash_bytes(file.data + 24, file.len - 24);
			memcpy(file.data + 8, &sum, sizeof(sum));
			assert_int_equal(fs_replace(world->index, file.data, file.len, 0644, NULL), 0);
			put(world, "new", "x");
			run(world, LATER, &ignored);
		}
		memcpy(file.data + i, saved, 4);
	}
	buf_free(&file);
}

/* A hundred folders outside of the project, each twice in the one before: each is written once. */
static void test_forged_folders(void **state)
{
	enum { DIRS = 100 };
	struct world *world = *state;
	struct statindex_header header = { STATINDEX_MAGIC_BYTES, .version = STATINDEX_VERSION, .dirs = DIRS,
					   .entries = 2 * (DIRS - 2), .names = 5 };
	cleanup_buf struct buf file = { 0 };
	struct hash128 ignored;

	buf_add(&file, &header, sizeof(header));
	for (uint32_t i = 0; i < DIRS; i++)
		buf_add(&file, &(struct range){ .first = i ? 2 * (i - 1) : 0, .count = i > 0 && i < DIRS - 1 ? 2 : 0 },
			sizeof(struct range));
	for (uint32_t i = 0; i < 2 * (DIRS - 2); i++)
		buf_add(&file, &(struct stat_record){ .name = 1 + 2 * (i % 2), .mode = S_IFDIR, .dir = 2 + i / 2 },
			sizeof(struct stat_record));
	buf_add(&file, "\0a\0b", header.names);
	header.checksum = hash_bytes(file.data + 24, file.len - 24);
	memcpy(file.data, &header, sizeof(header));
	assert_int_equal(fs_replace(world->index, file.data, file.len, 0644, NULL), 0);
	put(world, "new", "x");
	assert_true(run(world, LATER, &ignored));
	buf_reset(&file);
	assert_int_equal(fs_read(world->index, 1 << 20, &file, NULL), 0);
	memcpy(&header, file.data, sizeof(header));
	assert_int_equal(header.dirs, DIRS);
}

static void test_changed(void **state)
{
	struct world *world = *state;
	struct ignore *ignore = NULL;
	struct filter filter = { .whole = true };
	struct source *source = begin(world, 0);
	char *file = at(world, "d/f"), *fresh = at(world, "d/new"), *dir = at(world, "d");

	put(world, "d/f", "content");
	put(world, "z", "content");
	assert_int_equal(ignore_parse("ignored", 7, "x", &ignore, NULL), 0);
	filter.ignore = ignore;
	source_add(source, world->dir, &filter);
	scan(source);
	expect_changed(source, NULL);
	put(world, "ignored", "1");
	expect_changed(source, NULL);
	put(world, "d/new", "1");
	expect_changed(source, "d/new");
	assert_int_equal(unlink(fresh), 0);
	expect_changed(source, NULL);
	put(world, "d/f", "content"); /* changed, and changed back */
	expect_changed(source, "d/f");
	assert_int_equal(unlink(file), 0);
	expect_changed(source, "d/f");
	assert_int_equal(rmdir(dir), 0);
	expect_changed(source, "d");
	assert_int_equal(mkfifo(dir, 0644), 0);
	expect_changed(source, "d");
	assert_int_equal(fs_remove_tree(world->dir, NULL), 0);
	expect_changed(source, ".");
	source_free(source);
	ignore_free(ignore);
	free(file);
	free(fresh);
	free(dir);
}

struct writer {
	char *path;
	atomic_bool stop, wrote;
};

static void *write_on(void *data)
{
	struct writer *writer = data;
	int fd = open(writer->path, O_WRONLY);
	char byte = 0;

	while (!atomic_load(&writer->stop)) {
		if (pwrite(fd, &byte, 1, 12345) != 1)
			break;
		byte++;
		atomic_store(&writer->wrote, true);
	}
	close(fd);
	return NULL;
}

/* A file that is written all the time is an error that names it; only a writer that was never let run while the
 * file was read, five times over, would go unnoticed. */
static void test_changes_while_read(void **state)
{
	struct world *world = *state;
	struct writer writer = { .path = at(world, "log") };
	struct source *source = begin(world, 0);
	struct error *err = NULL;
	pthread_t thread;

	put(world, "log", "");
	assert_int_equal(truncate(writer.path, 64 << 20), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_on, &writer), 0);
	source_add(source, world->dir, &whole);
	while (!atomic_load(&writer.wrote))
		sched_yield();
	if (source_scan(source, &err) < 0)
		assert_non_null(strstr(err->message, "/tree/log: changes while it is read"));
	atomic_store(&writer.stop, true);
	pthread_join(thread, NULL);
	error_free(err);
	source_free(source);
	free(writer.path);
}

static void test_file(void **state)
{
	struct world *world = *state;
	struct source *source = begin(world, LATER);
	char *file = at(world, "d/f"), *dir = at(world, "d"), *link = at(world, "l"), *none = at(world, "none"),
	     *dangling = at(world, "dangling");
	struct hash128 digest, before;
	bool found = false;

	put(world, "d/f", "content");
	assert_int_equal(symlink("d/f", link), 0);
	assert_int_equal(symlink("nowhere", dangling), 0);
	assert_int_equal(source_file(source, file, &digest, &found, NULL), 0);
	assert_true(found && hash_equal(digest, hash_bytes("content", 7)));
	assert_int_equal(source_file(source, link, &digest, &found, NULL), 0);
	assert_true(found && hash_equal(digest, hash_bytes("content", 7)));
	assert_int_equal(source_file(source, dangling, &digest, &found, NULL), 0);
	assert_true(found && hash_equal(digest, hash_bytes("nowhere", 7)));
	assert_int_equal(source_file(source, none, &digest, &found, NULL), 0);
	assert_false(found);
	assert_int_equal(source_file(source, dir, &before, &found, NULL), 0);
	assert_true(found);
	assert_int_equal(source_save(source, NULL), 0);
	source_free(source);
	forge(world, "content", "lie");
	source = begin(world, LATER);
	assert_int_equal(source_file(source, file, &digest, &found, NULL), 0);
	assert_true(hash_equal(digest, hash_bytes("lie", 3))); /* through the index */
	put(world, "d/g", "1");
	assert_int_equal(source_file(source, dir, &digest, &found, NULL), 0);
	assert_false(hash_equal(digest, before));
	source_free(source);
	free(file);
	free(dir);
	free(link);
	free(none);
	free(dangling);
}

/* Files around the size that is read in one piece, and a large one that is mostly holes. */
static void test_sizes(void **state)
{
	struct world *world = *state;
	static const size_t sizes[] = { 0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20 };
	struct source *source = begin(world, 0);
	char *data = mem_alloc(4 << 20);
	size_t len;

	for (size_t i = 0; i < 4 << 20; i++)
		data[i] = (char)('a' + i * 7 % 23);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char name[16], *path, saved = data[sizes[i]];

		snprintf(name, sizeof(name), "%zu", i);
		data[sizes[i]] = '\0';
		put(world, name, data);
		data[sizes[i]] = saved;
		path = at(world, name);
		free(path);
	}
	source_add(source, world->dir, &whole);
	scan(source);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		const struct source_entry *entry = &source_entries(source, 0, &len)[i];

		assert_int_equal(entry->size, sizes[i]);
		assert_true(hash_equal(entry->digest, hash_bytes(data, sizes[i])));
	}
	source_free(source);
	free(data);
}

/* Enough folders that threads share them: the result is that of one thread. */
static void test_many(void **state)
{
	struct world *world = *state;
	struct hash128 first, again;
	struct source *source;
	size_t len;

	for (int i = 0; i < 60; i++) {
		for (int j = 0; j < 40; j++) {
			char name[64];

			snprintf(name, sizeof(name), "s/%d/d%d/f%d", i, j % 3, j);
			put(world, name, name);
		}
	}
	first = digest_of(world);
	for (int i = 0; i < 20; i++) {
		again = digest_of(world);
		assert_true(hash_equal(first, again));
	}
	source = begin(world, 0);
	for (int i = 0; i < 60; i++) {
		char name[64], *path;

		snprintf(name, sizeof(name), "s/%d", i);
		path = at(world, name);
		source_add(source, path, &whole);
		free(path);
	}
	scan(source);
	for (size_t i = 0; i < 60; i++) {
		source_entries(source, i, &len);
		assert_int_equal(len, 43);
	}
	source_free(source);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_digest),
		TEST(test_ignore),
		TEST(test_patterns),
		TEST(test_unmatched_except),
		TEST(test_ignored_folders),
		TEST(test_attributes),
		TEST(test_excludes),
		TEST(test_detours),
		TEST(test_detours_inside),
		TEST(test_detours_ignored),
		TEST(test_ignored_behind_links),
		TEST(test_special),
		TEST(test_missing),
		TEST(test_unreadable),
		TEST(test_deep),
		TEST(test_nested),
		TEST(test_index),
		TEST(test_same_size_and_time),
		TEST(test_index_parts),
		TEST(test_index_beside_the_way),
		TEST(test_damaged),
		TEST(test_forged_numbers),
		TEST(test_forged_folders),
		TEST(test_changed),
		TEST(test_changes_while_read),
		TEST(test_file),
		TEST(test_sizes),
		TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
