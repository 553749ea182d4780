#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/platform.h"
#include "base/text.h"
#include "base/ec_key.h"
#include "cli/annotations.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/complaints.h"
#include "cli/output.h"
#include "cli/remotes.h"
#include "cli/session.h"
#include "cli/signer.h"
#include "cli/since.h"
#include "cli/sources.h"
#include "dsl/load.h"
#include "dsl/manifest.h"
#include "engine/builder/builder.h"
#include "engine/exec/present.h"
#include "engine/exec/tags_check.h"
#include "engine/exec/tags_others.h"
#include "engine/exec/run.h"
#include "engine/exec/run_trace.h"
#include "engine/exec/tidy.h"
#include "engine/io/loop.h"
#include "engine/oci/layout.h"
#include "engine/oci/lockfile.h"
#include "engine/plan/plan.h"
#include "engine/registry/bases.h"
#include "engine/registry/client.h"
#include "engine/registry/logins.h"
#include "engine/registry/urls.h"
#include "engine/source/context.h"
#include "engine/source/git.h"
#include "engine/state/state.h"

extern char **environ;

/* Where a tool's name was given. */
struct choice {
	const char *option, *variable, *hint, *fact;
};

static void show_diags(struct session *session)
{
	if (!session->options->silent)
		complaints_show(session->diags, session->options);
}

/* A target of a bake or compose file may be called like a command, and the command is done. */
static void note_namesake(const struct session *session)
{
	const struct options *options = session->options;
	const char *word = options->command;

	if (options->targets_len > 0 || options->quiet || strcmp(word, "build") == 0)
		return;
	if (manifest_service(session->manifest, word) >= 0 || manifest_group(session->manifest, word))
		output_note("\"%s\" is a target, too: `cbuild build %s` builds it", word, word);
}

static void show_notes(const struct session *session)
{
	const struct texts *notes = &session->manifest->notes;

	for (size_t i = 0; i < notes->len; i++)
		output_note("%s", notes->items[i].s);
	note_namesake(session);
}

static const char *lookup_git(void *data, const char *name, const char **ret_why)
{
	return git_value(data, name, ret_why);
}

/* The project is the checkout that contains the folder, else the folder itself. malloc'd, or NULL. */
static char *project_of(const char *dir)
{
	char *found = realpath(dir, NULL);
	cleanup_free char *at = found ? mem_strdup(found) : NULL;

	while (at) {
		cleanup_free char *git = path_join(at, ".git"), *above = path_dir(at);

		if (fs_exists(git)) {
			free(found);
			return steal_ptr(at);
		}
		if (strcmp(above, at) == 0)
			break;
		free(at);
		at = steal_ptr(above);
	}
	return found;
}

/* Not a manifest anywhere; the first word may be a command that was misspelt. */
static int no_manifest(const struct options *options, struct error **err)
{
	const char *near = options->targets_len ? command_near(options->commands, options->targets[0]) : NULL;

	error_make(
		err, ERROR_USAGE,
		"there is no services.yaml, compose.yaml or docker-bake.hcl here, nor in the folders above within the repository");
	if (near)
		error_remedy(err, "did you mean `cbuild %s`?", near);
	else
		error_remedy(err, "`cbuild init` writes one for the Dockerfiles, compose or bake file that it finds");
	return -1;
}

/* Anyone who can write in the checkout, including its authors, may have put a link where cbuild writes and removes
 * files. */
static int refuse_links(const struct session *session, struct error **err)
{
	static const char *const names[] = { "oci",   "oci/blobs", "oci/blobs/sha256", "oci/tmp",
					     "shown", "locks",     "sources",          "logs",
					     "run",   "state.db" };

	if (fs_refuse_link(session->state_dir, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup_free char *path = path_join(session->state_dir, names[i]);

		if (fs_refuse_link(path, err) < 0)
			return -1;
	}
	return 0;
}

/* For git, and for tools that keep copies: what is in .cbuild is nobody else's business. */
static int mark_state_dir(const struct session *session, struct error **err)
{
	static const struct {
		const char *name, *text;
	} marks[] = {
		{ ".gitignore", "*\n" },
		{ "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n"
				  "# Made by cbuild; can be made again. See https://bford.info/cachedir/\n" },
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		cleanup_free char *path = path_join(session->state_dir, marks[i].name);
		cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

		if (fd < 0 && errno != EEXIST)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot be written", path);
		if (fd >= 0 && fs_write_all(fd, marks[i].text, strlen(marks[i].text), path, err) < 0)
			return -1;
	}
	return 0;
}

static int make_state_dir(const struct session *session, struct error **err)
{
	return refuse_links(session, err) < 0 || fs_mkdirs(session->state_dir, 0755, err) < 0
		       ? -1
		       : mark_state_dir(session, err);
}

int session_loop(struct session *session, struct error **err)
{
	if (session->loop)
		return 0;
	if (loop_new(&session->loop, err) < 0)
		return -1;
	session->logins = logins_new(session->loop);
	return 0;
}

static int session_urls(struct session *session, struct error **err)
{
	if (session_loop(session, err) < 0)
		return -1;
	if (!session->urls)
		session->urls = urls_new(session->loop);
	return 0;
}

static void place_fetched(void *data, const char *url, struct load_place *ret)
{
	remotes_place(((struct session *)data)->remotes, url, ret);
}

/* Fetching, in a task, so that the loop sees signals meanwhile. */
struct fetch_work {
	struct session *session;
	const char *url; /* NULL: all that the plan lacks */
	struct error *error;
};

static void fetch_on_signal(void *arg, int signum)
{
	struct session *session = arg;

	session->signum = signum;
	loop_cancel(session->loop);
}

static void fetch_in_task(void *arg)
{
	struct fetch_work *work = arg;
	struct session *session = work->session;

	if (work->url)
		remotes_get(session->remotes, session->loop, session->urls, work->url, &work->error);
	else
		remotes_fetch(session->remotes, session->loop, session->urls, &work->error);
}

static void fetch_done(void *arg)
{
	loop_stop(((struct fetch_work *)arg)->session->loop);
}

static int session_fetch(struct session *session, const char *url, struct error **err)
{
	struct fetch_work work = { .session = session, .url = url };

	if (session_urls(session, err) < 0 || loop_signals(session->loop, fetch_on_signal, session, err) < 0 ||
	    loop_task(session->loop, fetch_in_task, fetch_done, &work, err) < 0 || loop_run(session->loop, err) < 0) {
		error_free(work.error);
		return -1;
	}
	if (work.error && work.error->cls == ERROR_CANCELLED && session->signum != SIGINT)
		work.error->cls = ERROR_TERMINATED;
	return work.error ? error_move(err, &work.error) : 0;
}

static int fetch_included(void *data, const char *url, struct error **err)
{
	struct session *session = data;

	if (remotes_allowed(session->remotes, url, err) < 0 || make_state_dir(session, err) < 0)
		return -1;
	return session_fetch(session, url, err);
}

static int find_remotes(struct session *session, const struct load_options *options, struct error **err)
{
	cleanup_free char *dir = session->remotes ? NULL : load_dir(options, err), *lock = NULL;

	if (session->remotes)
		return 0;
	if (!dir)
		return -1;
	session->state_dir = path_join(dir, ".cbuild");
	lock = path_join(dir, LOCKFILE_NAME);
	session->remotes = remotes_new(session->options, session->state_dir, lock);
	return 0;
}

static int load_from(struct session *session, const struct sources *sources, struct error **err)
{
	const struct options *options = session->options;
	cleanup_free char *dir = path_dir(sources->path);
	cleanup_free char *project = options->allow_outside ? NULL : project_of(sources->given ? dir : ".");
	struct git *git = git_new(dir);
	const struct load_options load_options = {
		.path = sources->path,
		.overlays = sources->overlays,
		.env_files = sources->env_files,
		.environ = (const char *const *)environ,
		.sets = options->sets,
		.platforms = options->platforms,
		.tags = options->tags,
		.profiles = options->profiles,
		.starts = options->starts ? options->targets : NULL,
		.project = options->project,
		.inside = project,
		.input = options->input,
		.given = sources->given,
		.lookup = lookup_git,
		.lookup_data = git,
		.place = place_fetched,
		.fetch = fetch_included,
		.place_data = session,
	};
	int r = find_remotes(session, &load_options, err);

	r = r < 0 ? r : manifest_load(&load_options, session->diags, &session->manifest, err);

	git_free(git);
	if (r < 0)
		show_diags(session);
	else if (!options->silent && !session->outgrown_len)
		show_notes(session);
	return r;
}

static int load_manifest(struct session *session, struct error **err)
{
	struct sources sources cleanup_sources = sources_find(session->options);

	struct stat st;
	int found = sources.given ? 1 : fs_find(sources.path, &st, err);

	if (found <= 0)
		return found < 0 ? -1 : no_manifest(session->options, err);
	return load_from(session, &sources, err);
}

static int open_state(struct session *session, struct error **err)
{
	cleanup_free char *db = NULL, *store = NULL, *blobs = NULL;
	struct stat st;
	int r;

	db = path_join(session->state_dir, "state.db");
	store = path_join(session->state_dir, "oci");
	blobs = path_join(store, "blobs/sha256");
	if (state_open(db, true, &session->state, err) < 0)
		return -1;
	r = fs_find(blobs, &st, err);
	return r > 0 ? layout_open(store, false, &session->layout, err) : r;
}

int session_open(struct session *session, const struct options *options, struct error **err)
{
	*session = (struct session){ .options = options,
				     .alone = -1,
				     .diags = diags_new(),
				     .words = command_names(options->commands) };
	if (load_manifest(session, err) < 0 || open_state(session, err) < 0)
		return -1;
	return 0;
}

int session_write(struct session *session, struct error **err)
{
	cleanup_free char *store = path_join(session->state_dir, "oci");
	struct layout *layout;
	int mended;

	if (session->writes)
		return 0;
	if (make_state_dir(session, err) < 0 || state_allow_writing(session->state, err) < 0)
		return -1;
	if (state_repaired(session->state))
		output_note("%s/state.db was damaged; it was renamed to state.db.damaged, and a new one was started",
			    session->state_dir);
	if (layout_open(store, true, &layout, err) < 0)
		return -1;
	session->mended = session->layout && layout_damaged(session->layout);
	layout_free(session->layout);
	session->layout = layout;
	mended = tidy_mend(layout, session->state, err);
	if (mended < 0)
		return -1;
	session->mended |= mended > 0;
	if (session->mended)
		output_note("%s: oci-layout or index.json was damaged; it was rebuilt from the records", store);
	session->writes = true;
	if (session->present)
		present_set_layout(session->present, layout);
	return 0;
}

int session_registry(struct session *session, struct error **err)
{
	if (session_urls(session, err) < 0)
		return -1;
	if (!session->registry) {
		session->registry = registry_new(session->loop, session->manifest);
		session->bases = bases_new(session->registry);
	}
	return 0;
}

int session_alone(struct session *session, struct error **err)
{
	if (session_write(session, err) < 0 || session_loop(session, err) < 0 ||
	    run_gate(session->state_dir, &session->alone, err) < 0 ||
	    run_sweep(session->state_dir, session->loop, session->state, session->layout, err) < 0)
		return -1;
	if (run_needs_sweep(session->state_dir))
		return error_make(err, ERROR_STATE, "another cbuild is running here");
	return 0;
}

/* The name from the command line, else from the environment; these two are binding. Otherwise the one suggested by
 * the environment, else the one used last. */
static int choose_tool(struct session *session, const struct choice *choice, char **ret, bool *ret_preferred,
		       struct error **err)
{
	const char *value = choice->option ? choice->option : getenv(choice->variable);

	*ret_preferred = !(value && *value);
	if (*ret_preferred)
		value = choice->hint;
	if (value && *value) {
		*ret = mem_strdup(value);
		return 0;
	}
	return state_fact(session->state, choice->fact, ret, err);
}

static int choose_tools(struct session *session, struct error **err)
{
	const struct choice builder = { session->options->builder, "CBUILD_BUILDER", builder_hinted(), "builder" };
	struct choice runtime = { session->options->runtime, "CBUILD_RUNTIME", NULL, "runtime" };
	cleanup_free char *belongs = NULL;

	if (choose_tool(session, &builder, &session->builder, &session->builder_preferred, err) < 0)
		return -1;
	/* Builder and runtime belong together; so do those of the last run, unless its user chose otherwise. */
	if (!session->builder_preferred || builder.hint)
		runtime.hint = belongs = builder_runtime(session->builder);
	return choose_tool(session, &runtime, &session->runtime, &session->runtime_preferred, err);
}

static const struct base_config *known_config(void *data, const char *reference, const struct platform *platform)
{
	const struct session *session = data;

	return session->bases ? bases_known_config(session->bases, reference, platform) : NULL;
}

static void forget_plan(struct session *session)
{
	plan_free(session->plan);
	present_free(session->present);
	source_free(session->source);
	session->plan = NULL;
	session->present = NULL;
	session->source = NULL;
}

static int plan_once(struct session *session, struct error **err)
{
	cleanup_free char *index = path_join(session->state_dir, "statindex");
	size_t before = diags_count(session->diags);
	int r;

	forget_plan(session);
	if (source_open(session->manifest->dir, index, &session->source, err) < 0)
		return -1;
	session->present =
		present_new(session->layout, session->state, session->manifest, session->builder, session->runtime);
	session->plan_options->present_data = session->present;
	r = plan_new(session->manifest, session->plan_options, session->source, session->state, session->diags,
		     &session->plan, err);
	if (diags_count(session->diags) > before)
		show_diags(session);
	else if (r < 0 && remotes_lacking(session->remotes))
		return 1;
	for (size_t i = 0; r == 0 && i < plan_len(session->plan); i++)
		run_trace_decision(plan_node(session->plan, i));
	return r;
}

/* With what was fetched, the manifest's paths are others. */
static int load_again(struct session *session, struct error **err)
{
	mem_reserve(&session->outgrown, &session->outgrown_cap, session->outgrown_len + 1, sizeof(*session->outgrown));
	session->outgrown[session->outgrown_len++] = session->manifest;
	session->manifest = NULL;
	return load_manifest(session, err);
}

int session_replan(struct session *session, struct error **err)
{
	int r;

	while ((r = plan_once(session, err)) > 0) {
		if (remotes_allowed(session->remotes, NULL, err) < 0 || session_write(session, err) < 0 ||
		    session_fetch(session, NULL, err) < 0 || load_again(session, err) < 0)
			return -1;
	}
	return r;
}

int session_plan(struct session *session, const struct session_plan *want, struct error **err)
{
	const struct options *options = session->options;
	cleanup_free char *lock = path_join(session->manifest->dir, LOCKFILE_NAME);
	struct plan_options plan_options = {
		.targets = want->targets,
		.force = options->force,
		.load = want->load,
		.verify = want->verify,
		.verify_again = want->verify_again,
		.only_images = want->only_images,
		.push = want->push,
		.untagged = options->by_digest,
		.unpublished = options->starts || want->unpublished,
		.runs = !options->dry_run && text_listed("build verify push watch up", options->command),
		.keep_going = options->keep_going,
		.words = session->words,
		.state_dir = session->state_dir,
		.unfetched = options->dry_run && text_listed("build verify push up", options->command),
		.lacks = remotes_lacks,
		.lacks_data = session->remotes,
		.present = present_check,
		.present_ahead = present_ahead,
		.base_config = known_config,
		.base_config_data = session,
	};

	plan_options.nothing = want->targets && !want->targets[0];
	if (!want->targets) {
		if (since_targets(session, err) < 0)
			return -1;
		plan_options.targets = session->targets;
		plan_options.nothing = options->targets_len > 0 && session->targets_len == 0;
	}
	if (want->push) {
		annotations_find(session);
		if (signer_find(session, err) < 0)
			return -1;
		plan_options.signer = session->signer;
		plan_options.annotations = session->annotations;
		plan_options.annotations_len = session->annotations_len;
	}
	if (lockfile_read(lock, &session->lock, err) < 0)
		return -1;
	plan_options.lock = session->lock;
	platform_host(&plan_options.host);
	session->plan_options = mem_alloc(sizeof(plan_options));
	*session->plan_options = plan_options;
	if (choose_tools(session, err) < 0 || session_replan(session, err) < 0)
		return -1;
	for (const char *const *note = plan_notes(session->plan); note && *note && !options->silent; note++)
		output_note("%s", *note);
	return 0;
}

/* For the tests (CONTRIBUTING.md): the longest time that the loop's thread was busy. */
static void note_longest_turn(const struct session *session)
{
	const char *path = getenv("CBUILD_TURNS");
	struct loop_busy longest = { 0 };
	cleanup_free char *line = NULL;
	cleanup_fd int fd = -1;

	if (session->loop)
		loop_longest(session->loop, &longest);
	if (!path || !longest.cpu_us)
		return;
	line = mem_printf("%llu %llu %s\n", (unsigned long long)longest.cpu_us, (unsigned long long)longest.wall_us,
			  session->options->words);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd >= 0)
		fs_write_all(fd, line, strlen(line), path, NULL);
}

void session_close(struct session *session)
{
	note_longest_turn(session);
	forget_plan(session);
	free(session->plan_options);
	lockfile_free(session->lock);
	bases_free(session->bases);
	tags_held_free(session->held);
	tags_others_free(session->others);
	ec_key_free(session->signing_key);
	free(session->signer);
	urls_free(session->urls);
	registry_free(session->registry);
	annotations_forget(session);
	logins_free(session->logins);
	loop_free(session->loop);
	layout_free(session->layout);
	state_free(session->state);
	manifest_free(session->manifest);
	for (size_t i = 0; i < session->outgrown_len; i++)
		manifest_free(session->outgrown[i]);
	free(session->outgrown);
	remotes_free(session->remotes);
	diags_free(session->diags);
	free(session->targets);
	free(session->state_dir);
	free(session->words);
	free(session->builder);
	free(session->runtime);
	if (session->alone >= 0)
		close(session->alone);
	*session = (struct session){ .alone = -1 };
}
