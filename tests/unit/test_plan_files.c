#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "plan_world.h"

/*
 * What is changed on the disk, one thing at a time: exactly the nodes that depend on it turn stale, for that reason.
 * What is changed in the manifest is in test_plan_key.c.
 */

static const char manifest[] = "project: world\n"
			       "registry: example.org/w\n"
			       "tags: [\"1\"]\n"
			       "platforms: [linux/amd64]\n"
			       "services:\n"
			       "  app:\n"
			       "    build: {context: app, additional_contexts: {extra: extra}}\n"
			       "  whole:\n"
			       "    build: {context: whole, dockerfile: Other}\n"
			       "  step:\n"
			       "    build: step\n"
			       "    prepare: {run: [make], inputs: [\"schema/**\"], outputs: [step/made, step/tree]}\n";

static const char app[] = "FROM scratch\n"
			  "ARG SUB=lib\n"
			  "COPY main.c $SUB /src/\n"
			  "COPY *.txt /\n"
			  "COPY [\"with space\", \"/\"]\n"
			  "COPY --from=extra data /data\n";

static const char make_world[] =
	"mkdir -p app/lib/sub extra whole/deep step/tree schema/deep\n"
	"echo 1 >app/main.c; echo 1 >app/lib/a.c; echo 1 >app/lib/sub/b.c\n"
	"ln -s a.c app/lib/link; echo 1 >'app/with space'; echo 1 >app/1.txt; echo 1 >app/notes\n"
	"echo 1 >extra/data; echo 1 >extra/more; echo 1 >outside\n"
	"printf '*.log\\n' >whole/.dockerignore; echo 1 >whole/x.log; echo 1 >whole/y\n"
	"echo 1 >whole/deep/z; ln -s ../../outside whole/out\n"
	"echo 1 >step/made; echo 1 >step/tree/leaf; echo 1 >schema/deep/s; chmod -R u=rwX,go=rX .\n";

struct change {
	const char *what, *command;
	const char *expected;
};

#define ABOVE(service, node)                                       \
	"unknown index:" service ": dependency " node " (stale)\n" \
	"unknown load:" service ": dependency " node " (stale)\n"
#define BUILD(service, reason) \
	"stale build:" service ":linux/amd64: " reason "\n" ABOVE(service, "build:" service ":linux/amd64")
#define APP(reason) BUILD("app", reason)
#define WHOLE(reason) BUILD("whole", reason)
#define STEP(reason)                                                        \
	"stale prepare:step: " reason "\n"                                  \
	"unknown build:step:linux/amd64: dependency prepare:step (stale)\n" \
	"unknown index:step: dependency build:step:linux/amd64 (unknown)\n" \
	"unknown load:step: dependency build:step:linux/amd64 (unknown)\n"

static const struct change changes[] = {
	{ "content", "echo 2 >app/main.c", APP("file app/main.c (content)") },
	{ "content of the same size and time", "cp -p app/main.c t; echo 2 >app/main.c; touch -r t app/main.c; rm t",
	  APP("file app/main.c (content)") },
	{ "content behind a variable", "echo 2 >app/lib/sub/b.c", APP("file app/lib/sub/b.c (content)") },
	{ "content of a JSON word", "echo 2 >'app/with space'", APP("file app/with space (content)") },
	{ "content behind a wildcard", "echo 2 >app/1.txt", APP("file app/1.txt (content)") },
	{ "content in a named context", "echo 2 >extra/data", APP("file extra/data (content)") },
	{ "extended attribute",
	  "tar --format=pax --pax-option=SCHILY.xattr.user.a:=1 -cf t app/main.c && tar --xattrs -xf t && rm t",
	  APP("file app/main.c (content)") },
	{ "mode bit", "chmod +x app/main.c", APP("file app/main.c (mode)") },
	{ "mode of a folder", "chmod 700 app/lib/sub", APP("file app/lib/sub (mode)") },
	{ "sticky bit", "chmod +t app/lib/sub", APP("file app/lib/sub (mode)") },
	{ "rename", "mv app/lib/a.c app/lib/c.c", APP("file app/lib/c.c (added); file app/lib/a.c (removed)") },
	{ "rename of a folder", "mv app/lib/sub app/lib/other",
	  APP("file app/lib/other (added); file app/lib/other/b.c (added); file app/lib/sub (removed); file app/lib/sub/b.c (removed)") },
	{ "new file", "echo 1 >app/lib/new", APP("file app/lib/new (added)") },
	{ "new empty file", "touch app/lib/new", APP("file app/lib/new (added)") },
	{ "new file for a wildcard", "echo 1 >app/2.txt", APP("file app/2.txt (added)") },
	{ "deleted file", "rm app/lib/sub/b.c", APP("file app/lib/sub/b.c (removed)") },
	{ "link text", "ln -sfn sub/b.c app/lib/link", APP("file app/lib/link (content)") },
	{ "link to file", "rm app/lib/link; cp app/lib/a.c app/lib/link", APP("file app/lib/link (type)") },
	{ "file to folder", "rm app/lib/a.c; mkdir app/lib/a.c", APP("file app/lib/a.c (type)") },
	{ "file to link", "mv app/lib/a.c app/lib/sub/; ln -s sub/a.c app/lib/a.c",
	  APP("file app/lib/a.c (type); file app/lib/sub/a.c (added)") },
	{ "empty folder", "mkdir app/lib/empty", APP("file app/lib/empty (added)") },
	{ "folder gone", "rm -r app/lib/sub", APP("file app/lib/sub (removed); file app/lib/sub/b.c (removed)") },
	{ "name of other bytes", "mv app/lib/a.c \"$(printf 'app/lib/\\377\\n.')\"",
	  APP("file app/lib/\377\n. (added); file app/lib/a.c (removed)") },
	{ "Dockerfile", "echo >>app/Dockerfile", APP("dockerfile app/Dockerfile (content)") },
	{ "#syntax line", "sed -i '1i# syntax=docker/dockerfile:1.7' app/Dockerfile",
	  APP("dockerfile app/Dockerfile (content)") },
	{ "Dockerfile of another name", "echo >>whole/Other",
	  WHOLE("dockerfile whole/Other (content); file whole/Other (content)") },
	{ ".dockerignore leaves more out",
	  "echo y >app/.dockerignore; echo sub >>app/.dockerignore; echo lib/sub >>app/.dockerignore",
	  APP("file app/lib/sub (removed); file app/lib/sub/b.c (removed)") },
	{ ".dockerignore of a named context", "echo data >extra/.dockerignore", APP("file extra/.dockerignore (added)") },
	{ ".dockerignore leaves less out", "rm whole/.dockerignore",
	  WHOLE("file whole/x.log (added); file whole/.dockerignore (removed)") },
	{ "<Dockerfile>.dockerignore", "echo y >whole/Other.dockerignore",
	  WHOLE("file whole/Other.dockerignore (added); file whole/x.log (added); file whole/y (removed)") },
	{ "<Dockerfile>.dockerignore beside a copied folder", "echo lib/sub >app/Dockerfile.dockerignore",
	  APP("file app/lib/sub (removed); file app/lib/sub/b.c (removed)") },
	{ "text of a link out of the tree", "ln -sfn ../../elsewhere whole/out", WHOLE("file whole/out (content)") },
	{ "input of a step", "echo 2 >schema/deep/s", STEP("file schema/deep/s (content)") },
	{ "new input of a step", "echo 1 >schema/new", STEP("file schema/new (added)") },
	{ "output of a step", "echo 2 >step/made", STEP("file step/made (changed by hand)") },
	{ "in an output that is a folder", "echo 2 >step/tree/leaf", STEP("file step/tree (changed by hand)") },
	{ "output of a step gone", "rm step/made", STEP("missing step/made (deleted)") },

	/* what does not count */
	{ "modification time", "touch -d @1 app/main.c app/lib app/Dockerfile extra/data services.yaml step/made", "" },
	{ "what no COPY names", "echo 2 >app/notes; echo 2 >extra/more; touch app/new; mkdir app/empty", "" },
	{ "an ignored file", "echo 2 >whole/x.log; echo 1 >whole/n.log; chmod 600 whole/x.log", "" },
	{ "where a link out of the tree leads to", "echo 2 >outside", "" },
	{ "a file moved over an equal one", "cp -p app/main.c t; mv t app/main.c", "" },
	{ "a .dockerignore that leaves out what is not copied", "echo notes >app/.dockerignore", "" },
	{ "cbuild's own folder", "mkdir -p .cbuild/logs; echo >.cbuild/logs/x", "" },
	{ "a comment in the manifest", "sed -i 's/^services:/# here\\nservices:/' services.yaml", "" },
};

static void make(struct world *world, const char *command)
{
	cleanup_free char *line = mem_printf("cd '%s' && %s", world->dir, command);

	if (system(line) != 0)
		fail_msg("%s", line);
}

static void begin(struct world *world)
{
	world_new(world);
	world_write(world, "services.yaml", manifest);
	world_write(world, "app/Dockerfile", app);
	world_write(world, "whole/Other", "FROM scratch\nCOPY . /\n");
	world_write(world, "step/Dockerfile", "FROM scratch\nCOPY . /\n");
	make(world, make_world);
	world_run(world, NULL);
}

static void each_change_is_seen_alone(void **state)
{
	int failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const struct change *change = &changes[i];
		cleanup_free char *plan = NULL;
		struct world world;

		begin(&world);
		make(&world, change->command);
		plan = world_plan(&world, NULL, false);
		if (strcmp(plan, change->expected) != 0) {
			failed++;
			print_error("%s: expected:\n%s\ngot:\n%s\n", change->what, change->expected, plan);
		}
		world_free(&world);
	}
	assert_int_equal(failed, 0);
}

/* The plan after a change of the file, which is taken back. */
static char *plan_with(struct world *world, const char *file)
{
	char *plan;

	world_write(world, file, "2\n");
	plan = world_plan(world, NULL, false);
	world_write(world, file, "1\n");
	return plan;
}

static void expect(struct world *world, const char *file, const char *expected)
{
	cleanup_free char *plan = plan_with(world, file);

	assert_string_equal(plan, expected);
}

static int count(struct world *world, const char *file, const char *text)
{
	cleanup_free char *plan = plan_with(world, file), *whole = mem_printf("\n%s", plan);
	int found = 0;

	for (const char *at = strstr(whole, text); at; at = strstr(at + 1, text))
		found++;
	return found;
}

#define SERVICES 50

/* One context for all of them: an edit in one's folder is one's own matter, one in what all copy is everybody's. */
static void a_monorepo(void **state)
{
	struct buf text = { 0 };
	struct world world;

	(void)state;
	world_new(&world);
	buf_str(&text, "project: mono\nregistry: example.org/m\nplatforms: [linux/amd64]\ntags: [\"1\"]\nservices:\n");
	for (int i = 0; i < SERVICES; i++) {
		cleanup_free char *dockerfile = mem_printf("services/s%d/Dockerfile", i);
		cleanup_free char *copy =
			mem_printf("FROM scratch\nCOPY go.mod /\nCOPY libs/l%d /libs\nCOPY services/s%d /s\n", i % 5, i);
		cleanup_free char *file = mem_printf("services/s%d/src/main", i);
		cleanup_free char *lib = mem_printf("libs/l%d/lib", i % 5);

		buf_printf(&text, "  s%d: {build: {context: ., dockerfile: %s}}\n", i, dockerfile);
		world_write(&world, dockerfile, copy);
		world_write(&world, file, "1\n");
		world_write(&world, lib, "1\n");
	}
	world_write(&world, "go.mod", "1\n");
	world_write(&world, "README", "1\n");
	world_write(&world, "services.yaml", text.data);
	buf_free(&text);
	world_run(&world, NULL);

	expect(&world, "README", "");
	expect(&world, "services/s17/src/main", BUILD("s17", "file services/s17/src/main (content)"));
	assert_int_equal(count(&world, "libs/l3/lib", "\nstale build:"), SERVICES / 5);
	assert_int_equal(count(&world, "go.mod", "\nstale build:"), SERVICES);
	world_free(&world);
}

/* What the process is given decides nothing that was not asked for. */
static void surroundings_do_not_count(void **state)
{
	cleanup_free char *plan = NULL;
	struct world world;
	mode_t before;

	(void)state;
	begin(&world);
	setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	setenv("LC_ALL", "tr_TR.UTF-8", 1);
	setenv("HOME", "/nonsuch", 1);
	setlocale(LC_ALL, "");
	before = umask(0077);
	plan = world_plan(&world, NULL, false);
	umask(before);
	setlocale(LC_ALL, "C");
	unsetenv("LC_ALL");
	unsetenv("TZ");
	assert_string_equal(plan, "");
	world_free(&world);
}

/* The same files elsewhere have the same keys: what one machine made is known to another one. */
static void the_path_of_the_checkout_does_not_count(void **state)
{
	cleanup_free char *plan = NULL, *parent = NULL, *elsewhere = NULL, *command = NULL;
	struct world world;

	(void)state;
	begin(&world);
	parent = mem_printf("%s-moved", world.dir);
	elsewhere = mem_printf("%s/to/another place", parent);
	command = mem_printf("mkdir -p '%s/to' && mv '%s' '%s'", parent, world.dir, elsewhere);
	assert_int_equal(system(command), 0);
	free(world.dir);
	world.dir = mem_strdup(elsewhere);
	plan = world_plan(&world, NULL, false);
	assert_string_equal(plan, "");
	world_free(&world);
	assert_int_equal(fs_remove_tree(parent, NULL), 0);
}

/* A base that is made for the host alone, if it were not for a service that needs it for another platform too: the step's
 * outputs for that platform are made first, and are no files of the context that every platform copies. */
static void a_step_for_a_platform_that_others_ask_for(void **state)
{
	static const char *const made[] = { "b/gen-amd64", "b/gen-arm64" };
	cleanup_free char *plan = NULL;
	struct world world;

	(void)state;
	world_new(&world);
	world_write(&world, "services.yaml",
		    "project: world\nregistry: example.org/w\ntags: [\"1\"]\nservices:\n"
		    "  each:\n    publish: false\n    build: b\n"
		    "    prepare: {run: [gen, \"${platform.arch}\"], outputs: [\"b/gen-${platform.arch}\"]}\n"
		    "  whole:\n    publish: false\n    build: {context: b, dockerfile: ../all/Dockerfile}\n"
		    "  app:\n    build:\n      context: app\n      platforms: [linux/amd64, linux/arm64]\n"
		    "      additional_contexts: {each: \"service:each\", whole: \"service:whole\"}\n");
	world_write(&world, "b/Dockerfile", "FROM scratch\nARG TARGETARCH\nCOPY gen-$TARGETARCH /gen\n");
	world_write(&world, "all/Dockerfile", "FROM scratch\nCOPY . /\n");
	world_write(&world, "app/Dockerfile", "FROM each\nCOPY --from=whole /gen-amd64 /gen-arm64 /\n");
	for (size_t i = 0; i < 2; i++)
		world_write(&world, made[i], "1\n");
	world_run(&world, NULL);
	plan = world_plan(&world, NULL, false);
	assert_string_equal(plan, "");
	for (size_t i = 0; i < 2; i++) {
		cleanup_free char *step =
			mem_printf("stale prepare:each:linux/%s: file %s (changed by hand)\n", made[i] + 6, made[i]);
		cleanup_free char *own =
			mem_printf("unknown build:each:linux/%s: dependency prepare:each:linux/%s (stale)\n",
				   made[i] + 6, made[i] + 6);
		cleanup_free char *other = mem_printf("build:each:linux/%s:", made[!i] + 6);
		cleanup_free char *amd64 = mem_printf(
			"unknown build:whole:linux/amd64: dependency prepare:each:linux/%s (stale)\n", made[i] + 6);
		cleanup_free char *arm64 = mem_printf(
			"unknown build:whole:linux/arm64: dependency prepare:each:linux/%s (stale)\n", made[i] + 6);
		cleanup_free char *changed = plan_with(&world, made[i]);

		assert_non_null(strstr(changed, step));
		assert_non_null(strstr(changed, own));
		assert_null(strstr(changed, other));
		assert_non_null(strstr(changed, amd64));
		assert_non_null(strstr(changed, arm64));
	}
	world_free(&world);
}

#define IGNORED "file s101/.dockerignore (removed); file s101/Dockerfile"

/* The files of many services are read by several threads before they are asked for. */
static void many_services(void **state)
{
	struct world world;
	struct buf text = { 0 };
	char *plan;

	(void)state;
	world_new(&world);
	buf_str(&text, "project: world\nregistry: example.org/w\nplatforms: [linux/amd64]\nservices:\n");
	for (int i = 0; i < 150; i++) {
		cleanup_free char *dockerfile = mem_printf("s%d/Dockerfile", i);
		cleanup_free char *ignore = mem_printf("s%d/%s", i, i % 2 ? ".dockerignore" : "Dockerfile.dockerignore");
		cleanup_free char *kept = mem_printf("s%d/kept", i), *ignored = mem_printf("s%d/ignored", i);

		buf_printf(&text, "  s%d: {build: s%d}\n", i, i);
		world_write(&world, dockerfile, "FROM scratch\nCOPY . /\n");
		world_write(&world, ignore, "ignored\n");
		world_write(&world, kept, "1");
		world_write(&world, ignored, "1");
	}
	world_write(&world, "services.yaml", text.data);
	world_run(&world, NULL);
	world_write(&world, "s7/ignored", "2");
	world_write(&world, "s8/ignored", "2");
	world_write(&world, "s100/kept", "2");
	world_write(&world, "s101/Dockerfile", "FROM scratch\nCOPY kept /\n");
	plan = world_plan(&world, NULL, false);
	assert_string_equal(plan, BUILD("s100", "file s100/kept (content)")
					  BUILD("s101", "dockerfile s101/Dockerfile (content); " IGNORED " (removed)"));
	free(plan);
	world_remove(&world, "s149/Dockerfile");
	world_remove(&world, "s42/Dockerfile");
	plan = world_plan(&world, NULL, false);
	assert_non_null(strstr(plan, "cannot find Dockerfile: s149/Dockerfile"));
	assert_non_null(strstr(plan, "cannot find Dockerfile: s42/Dockerfile"));
	free(plan);
	buf_free(&text);
	world_free(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_change_is_seen_alone),
		cmocka_unit_test(a_monorepo),
		cmocka_unit_test(a_step_for_a_platform_that_others_ask_for),
		cmocka_unit_test(many_services),
		cmocka_unit_test(surroundings_do_not_count),
		cmocka_unit_test(the_path_of_the_checkout_does_not_count),
	};

	return cmocka_run_group_tests_name("plan_files", tests, NULL, NULL);
}
