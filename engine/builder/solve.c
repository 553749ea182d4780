#include "config.h"

#include "engine/builder/solve.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/thread.h"
#include "engine/builder/agent.h"
#include "engine/builder/builder.h"
#include "engine/builder/caches.h"
#include "engine/builder/failure.h"
#include "engine/builder/proof.h"
#include "engine/builder/result_import.h"
#include "engine/builder/solve_attrs.h"
#include "engine/builder/solve_rules.h"
#include "engine/builder/solve_steps.h"
#include "engine/buildkit/login.h"
#include "engine/buildkit/content_store.h"
#include "engine/buildkit/control.h"
#include "engine/buildkit/filesync.h"
#include "engine/buildkit/grpc.h"
#include "engine/buildkit/h2.h"
#include "engine/buildkit/secrets.h"
#include "engine/buildkit/buildkit_session.h"
#include "engine/buildkit/shown.h"
#include "engine/buildkit/ssh.h"
#include "engine/oci/blob.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"
#include "engine/oci/pick.h"

#define IGNORE_MAX (16u << 20) /* bytes of an ignore file */
#define HINT ".dockerignore"
#define STATUS_MS 2000 /* for what a daemon tells of a build that is over */
#define EXCERPT 2      /* lines shown before and after the failed ones */

/* A build in progress. */
struct solve_work {
	const struct solve *solve;
	struct daemon *daemon;
	const struct build_job *job;
	struct arena *arena;
	struct filesync_folder *folders;
	size_t folders_len;
	struct filesync *filesync;
	struct content *content;
	struct caches *caches;
	struct secret_list secrets;
	struct ssh_agents agents;
	struct agent **started; /* for keys */
	size_t started_len;
	struct buildkit_session *session;
	struct solve_steps *steps;
	char ref[CONTROL_NAME + 1];
	struct grpc_call *status;
	pthread_t thread; /* that follows it */
	char digest[DIGEST_LEN + 1];
};

static void work_free(struct solve_work *work)
{
	grpc_free(work->status);
	buildkit_session_free(work->session); /* first: its threads use everything else */
	for (size_t i = 0; i < work->started_len; i++)
		agent_stop(work->started[i]);
	filesync_free(work->filesync);
	content_free(work->content);
	caches_free(work->caches);
	solve_steps_free(work->steps);
	for (size_t i = 0; i < work->folders_len; i++)
		free(work->folders[i].entries);
	arena_free(work->arena);
}

/* ---- the folders ---- */

/* One of our texts as a file. No step sees it, so its time may encode its content. */
static struct filesync_entry text_entry(const char *path, const char *text, size_t len)
{
	const struct hash128 digest = hash_bytes(text, len);

	return (struct filesync_entry){
		.path = path,
		.mode = S_IFREG | 0644,
		.size = len,
		.mtime = (int64_t)(digest.lo >> 2),
		.data = text,
		.digest = digest,
	};
}

static int add_dockerfile(struct solve_work *work, struct filesync_folder *folder, struct error **err)
{
	const struct build_job *job = work->job;
	const char *name = path_base(job->dockerfile);
	cleanup_buf struct buf ignore = { 0 };

	/* If it gets one, the daemon does not look for another. It excludes nothing: that was already done. */
	if (job->ignore_file && fs_read(job->ignore_file, IGNORE_MAX, &ignore, err) < 0)
		return -1;
	buf_char(&ignore, '\n');
	folder->name = "dockerfile";
	folder->entries = mem_array(2, sizeof(*folder->entries));
	folder->len = 2;
	folder->entries[0] = text_entry(name, job->text, job->text_len);
	folder->entries[1] = text_entry(arena_printf(work->arena, "%s" HINT, name),
					arena_strndup(work->arena, ignore.data, ignore.len), ignore.len);
	return 0;
}

/* Parent folders may not count themselves: then any mode will do, as long as it is always the same. */
static void add_parents(struct solve_work *work, struct filesync_folder *folder, size_t *cap, const char *before,
			const char *path)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - path);

		if (before && strncmp(before, path, len) == 0 && (before[len] == '/' || !before[len]))
			continue;
		mem_reserve(&folder->entries, cap, folder->len + 1, sizeof(*folder->entries));
		folder->entries[folder->len++] = (struct filesync_entry){
			.path = arena_strndup(work->arena, path, len),
			.mode = S_IFDIR | 0755,
		};
	}
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct filesync_entry *)a)->path, ((const struct filesync_entry *)b)->path);
}

/* Of two entries for one path (an assumed parent, and the folder itself) keeps the one that counts. */
static void unite(struct filesync_folder *folder)
{
	size_t len = 0;

	if (folder->len > 0)
		qsort(folder->entries, folder->len, sizeof(*folder->entries), by_path);
	for (size_t i = 0; i < folder->len; i++) {
		struct filesync_entry *entry = &folder->entries[i], *last = len > 0 ? &folder->entries[len - 1] : NULL;

		if (!last || strcmp(last->path, entry->path) != 0)
			folder->entries[len++] = *entry;
		else if (!last->source)
			*last = *entry;
	}
	folder->len = len;
}

static void add_folder(struct solve_work *work, const char *name, const char *root, const struct build_file *files,
		       size_t len)
{
	struct filesync_folder *folder = &work->folders[work->folders_len++];
	size_t cap = 0;

	folder->name = name;
	folder->hint = HINT;
	for (size_t i = 0; i < len; i++) {
		const struct build_file *file = &files[i];

		add_parents(work, folder, &cap, i > 0 ? files[i - 1].path : NULL, file->path);
		mem_reserve(&folder->entries, &cap, folder->len + 1, sizeof(*folder->entries));
		folder->entries[folder->len++] = (struct filesync_entry){
			.path = file->path,
			.mode = file->mode,
			.size = file->size,
			.mtime = file->mtime,
			.link = file->link,
			.source = arena_join(work->arena, root, "/", file->path, NULL),
			.digest = file->digest,
		};
	}
	unite(folder);
}

static int add_folders(struct solve_work *work, char key[SHOWN_KEY + 1], struct error **err)
{
	const struct build_job *job = work->job;

	work->folders = arena_array(work->arena, job->contexts_len + 2, sizeof(*work->folders));
	if (add_dockerfile(work, &work->folders[work->folders_len++], err) < 0)
		return -1;
	if (job->context)
		add_folder(work, "context", job->context, job->files, job->files_len);
	for (size_t i = 0; i < job->contexts_len; i++)
		if (job->contexts[i].value[0] == '/')
			add_folder(work, arena_printf(work->arena, SOLVE_FOLDER, i), job->contexts[i].value,
				   job->contexts[i].files, job->contexts[i].files_len);
	if (shown_settle(work->solve->shown, job->id, work->folders, work->folders_len, key, err) < 0)
		return -1;
	work->filesync = filesync_new(work->folders, work->folders_len);
	return 0;
}

/* ---- the session ---- */

static void offer_secrets(struct solve_work *work)
{
	const struct build_job *job = work->job;
	struct secret_source *sources = arena_array(work->arena, job->secrets_len + 1, sizeof(*sources));

	for (size_t i = 0; i < job->secrets_len; i++)
		sources[i] = (struct secret_source){ job->secrets[i].id, job->secrets[i].file, job->secrets[i].value };
	work->secrets = (struct secret_list){ sources, job->secrets_len };
}

/* A key file gets an agent of its own. */
static int offer_agent(struct solve_work *work, const struct build_pair *ssh, const char **ret, struct error **err)
{
	const char *path = *ssh->value ? ssh->value : getenv("SSH_AUTH_SOCK");
	struct stat st;

	if (!path || !*path)
		return error_make(err, ERROR_USAGE, "ssh %s: there is no agent: SSH_AUTH_SOCK is not set", ssh->key);
	if (stat(path, &st) < 0)
		return error_errno(err, ERROR_USAGE, errno, "ssh %s: %s", ssh->key, path);
	*ret = path;
	if (S_ISSOCK(st.st_mode))
		return 0;
	if (agent_start(work->solve->loop, path, &work->started[work->started_len], err) < 0)
		return error_wrap(err, "ssh %s", ssh->key);
	*ret = agent_socket(work->started[work->started_len++]);
	return 0;
}

static int add_agents(struct solve_work *work, struct error **err)
{
	const struct build_job *job = work->job;
	struct ssh_agent *agents = arena_array(work->arena, job->ssh_len + 1, sizeof(*agents));

	work->started = arena_array(work->arena, job->ssh_len + 1, sizeof(struct agent *));
	for (size_t i = 0; i < job->ssh_len; i++) {
		agents[i].id = job->ssh[i].key;
		if (offer_agent(work, &job->ssh[i], &agents[i].socket, err) < 0)
			return -1;
	}
	work->agents = (struct ssh_agents){ agents, job->ssh_len };
	return 0;
}

static void offer_content(struct solve_work *work)
{
	size_t len = caches_stores(work->caches, NULL);
	struct content_store *stores = arena_array(work->arena, len + 2, sizeof(*stores));

	stores[0] = (struct content_store){ "export", work->solve->layout, true };
	stores[1] = (struct content_store){ "oci:" SOLVE_STORE, work->solve->layout, false };
	caches_stores(work->caches, stores + 2);
	work->content = content_new(stores, len + 2);
}

static int open_session(struct solve_work *work, struct error **err)
{
	struct grpc_method methods[1 + CONTENT_METHODS + 2 + SSH_METHODS];
	char key[SHOWN_KEY + 1];
	struct buildkit_session_spec spec = { .name = work->job->id, .shared_key = key, .methods = methods };

	if (add_folders(work, key, err) < 0 || add_agents(work, err) < 0)
		return -1;
	offer_secrets(work);
	offer_content(work);
	methods[spec.len++] = filesync_method(work->filesync);
	content_methods(work->content, methods + spec.len);
	spec.len += CONTENT_METHODS;
	methods[spec.len++] = login_method(work->solve->logins);
	methods[spec.len++] = secrets_method(&work->secrets);
	if (work->agents.len > 0) {
		ssh_methods(&work->agents, methods + spec.len);
		spec.len += SSH_METHODS;
	}
	return buildkit_session_open(work->daemon, &spec, &work->session, err);
}

/* ---- the build ---- */

static void *follow_status(void *arg)
{
	struct solve_work *work = arg;

	/* Its errors also fail the build, whose error says more. */
	control_status(work->status, solve_steps_take, work->steps, NULL);
	return NULL;
}

static void take_response(void *data, const char *key, const char *value)
{
	struct solve_work *work = data;

	if (strcmp(key, "containerimage.digest") == 0 && digest_valid(value))
		memcpy(work->digest, value, sizeof(work->digest));
	caches_answer(work->caches, key, value);
}

/* The failed lines of the Dockerfile, and those around them. */
static void add_excerpt(const struct control_failure *failure, struct buf *out)
{
	int number = 1, last = failure->last_line >= failure->line ? failure->last_line : failure->line;
	const char *line = failure->source;

	buf_printf(out, "%s:%d:", failure->file, failure->line);
	for (; line && *line && number <= last + EXCERPT; number++) {
		size_t len = strcspn(line, "\n");

		if (number >= failure->line - EXCERPT)
			buf_printf(out, "\n%4d %s %.*s", number,
				   number >= failure->line && number <= last ? ">>>" : "   ", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

/* What a build without its session ends with says nothing about the build. */
static int tell_lost_session(const struct solve_work *work, const struct control_failure *failure, struct error **err)
{
	struct error *error = NULL;

	error_make(&error, ERROR_TOOL, "%s ended the session during the build: %s", work->solve->tool, failure->message);
	error->transient = true;
	return error_move(err, &error);
}

/* As docker's client shows it: that is what failures are told from. Where the daemon's last word did not get here (nghttp2 ends a connection
 * for a header of more than 64 KiB, and the Dockerfile comes in one), what it said of the step has to do. False: there is nothing to say. */
static bool explain(const struct solve_work *work, const struct control_failure *failure, struct error **err)
{
	cleanup_free char *tail = NULL;
	const char *why = NULL, *step = solve_steps_failed(work->steps, &why, &tail);
	cleanup_buf struct buf text = { 0 }, excerpt = { 0 };
	struct error *error = NULL;

	if (failure->message)
		why = failure->message;
	if (!why)
		return false;
	if (step)
		buf_printf(&text, "------\n > %s:\n%s------\n", step, tail);
	buf_printf(&text, "ERROR: %s\n", why);
	failure_make(work->solve->tool, 1, text.data, work->job, work->solve->native, &error);
	if (failure->line > 0 && failure->source) {
		add_excerpt(failure, &excerpt);
		free(steal_ptr(tail));
		tail = error->message;
		error->message = mem_printf("%s\n%s", tail, excerpt.data);
	}
	error_move(err, &error);
	return true;
}

/* What is wrong, by who knows best: we, when it is a file or a blob of ours; the session, when it is over; the daemon. */
static void fail_solve(const struct solve_work *work, const struct control_failure *failure, struct error **error,
		       struct error **err)
{
	bool cancelled = (*error)->cls == ERROR_CANCELLED;

	if (filesync_changed(work->filesync)) {
		error_make(err, ERROR_BUILD, "%s changed while it was built", filesync_changed(work->filesync));
		error_remedy(err, "run cbuild again");
		(*err)->outdated = true;
	} else if (cancelled || buildkit_session_fault(work->session, err) == 0) {
		if (!cancelled && failure->message && !h2_alive(buildkit_session_h2(work->session)))
			tell_lost_session(work, failure, err);
		else if (cancelled || !explain(work, failure, err))
			error_move(err, error);
	}
}

static int run_solve(struct solve_work *work, struct error **err)
{
	struct control_solve solve = {
		.ref = work->ref,
		.session = buildkit_session_id(work->session),
		.needs = buildkit_session_h2(work->session),
	};
	struct control_failure failure;
	struct error *error = NULL;
	int r;

	if (control_status_open(work->daemon, work->ref, &work->status, err) < 0)
		return -1;
	r = thread_start(&work->thread, follow_status, work);
	if (r != 0)
		return error_errno(err, ERROR_STATE, r, "cannot start a thread");
	solve_attrs(work->arena, work->job, work->caches, &solve);
	solve_rules(work->arena, work->job, &solve);
	r = control_solve(work->daemon, &solve, take_response, work, &failure, &error);
	grpc_limit(work->status, STATUS_MS);
	pthread_join(work->thread, NULL);
	if (r < 0)
		fail_solve(work, &failure, &error, err);
	error_free(error);
	control_failure_free(&failure);
	return r;
}

/* ---- the result ---- */

static int take_image(const struct solve_work *work, struct build_result *result, struct error **err)
{
	const struct build_job *job = work->job;
	const struct build_image *base = proof_base(job);
	struct layout *layout = work->solve->layout;
	cleanup_image struct image *image = NULL, *base_image = NULL;
	cleanup_free char *fault = NULL;

	if (!work->digest[0])
		return error_make(err, ERROR_TOOL, "%s succeeded, but named no image", work->solve->tool);
	if (!layout_complete(layout, work->digest))
		return layout_seen(layout, err) < 0
			       ? -1
			       : error_make(err, ERROR_TOOL, "%s succeeded, but did not send all of the image %s",
					    work->solve->tool, work->digest);
	if (blob_sync(layout, err) < 0 ||
	    pick_stored(layout, work->digest, &job->platform, result->digest, result->attestation, err) < 0 ||
	    image_read(layout, result->digest, &image, err) < 0)
		return -1;
	if (base && base->where == IMAGE_STORE && image_read(layout, base->digest, &base_image, err) < 0)
		return -1;
	if ((job->provenance || job->sbom) && !result->attestation[0])
		return error_make(err, ERROR_TOOL, "%s did not describe the image, although it was asked to",
				  work->solve->tool);
	fault = proof_fault(image, &job->platform, base_image);
	if (fault)
		return error_make(err, ERROR_BUILD, "%s made a wrong image: %s", work->solve->tool, fault);
	return import_finish(layout, NULL, result, err);
}

int solve_build(const struct solve *solve, struct daemon *daemon, const struct build_job *job,
		struct build_result *result, struct error **err)
{
	__attribute__((cleanup(work_free))) struct solve_work work = { .solve = solve, .daemon = daemon, .job = job };

	work.arena = arena_new();
	work.steps = solve_steps_new(solve->loop, job->output);
	if (caches_new(job, &work.caches, err) < 0 || control_name(work.ref, err) < 0 || open_session(&work, err) < 0 ||
	    run_solve(&work, err) < 0 || solve_steps_error(work.steps, err) < 0 || caches_finish(work.caches, err) < 0)
		return -1;
	return take_image(&work, result, err);
}
