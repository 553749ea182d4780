#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "engine/builder/bake.h"
#include "engine/builder/buildkit.h"
#include "engine/builder/failure.h"
#include "engine/builder/proof.h"
#include "engine/builder/rawjson.h"
#include "engine/builder/result_import.h"
#include "engine/builder/rewrite.h"
#include "engine/builder/tail.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"

#define DRAIN (64u * 1024) /* bytes read at once of what nobody wants */

/* A job on its way. */
struct delivery {
	struct batch *batch;
	const struct build_job *job;
	struct rewrite_files files;
	struct argv aliases;
	char *context, *pipe;
	int fd; /* of the pipe, or -1: open before the client, which would wait for ever to open it */
	pthread_t thread;
	bool receiving; /* its thread was started */

	/* of its thread, until that has ended */
	struct build_result result;
	struct error *error; /* of taking the image in */
	bool delivered;

	/* of the loop's thread, until the client has ended */
	struct tail tail;        /* of what its steps printed */
	char *step, *reason;     /* that failed */
	struct error *log_error; /* its log cannot be written */
	bool reported;           /* the job is not there any more; under the batch's lock */
};

struct batch {
	const struct buildkit *kit;
	build_done *done;
	void *data;
	struct delivery *deliveries;
	size_t len;
	int over[2];          /* a pipe that is closed when the client has ended */
	atomic_bool stop;     /* the client: an image could not be taken in, and it would wait for that for ever */
	pthread_mutex_t lock; /* held while the loop's thread uses a job: who gets its result may take it away */
	struct rawjson *raw;
	struct tail text; /* what the client said besides its progress */
};

unsigned buildkit_abilities(const char *version)
{
	/* The first minor version of 0 that has it. */
	static const struct {
		unsigned minor, ability;
	} abilities[] = { { 10, ABILITY_HEREDOC }, { 11, ABILITY_ATTEST }, { 12, ABILITY_GIT } };
	unsigned major = 0, minor = 0, found = 0;

	if (version)
		sscanf(version, "v%u.%u", &major, &minor);
	for (size_t i = 0; i < sizeof(abilities) / sizeof(*abilities); i++)
		if (major > 0 || minor == 0 || minor >= abilities[i].minor)
			found |= abilities[i].ability;
	return found;
}

/* Readable in the client's messages, and valid as a repository: "go-base" -> "go-base-0.cbuild". */
char *buildkit_alias(const char *name, size_t number)
{
	cleanup_buf struct buf text = { 0 };
	const char *base = path_base(name);

	for (; *base && *base != ':' && *base != '@'; base++) {
		if (isalnum((unsigned char)*base))
			buf_char(&text, (char)tolower((unsigned char)*base));
		else if (text.len > 0 && text.data[text.len - 1] != '-')
			buf_char(&text, '-');
	}
	if (text.len > 0 && text.data[text.len - 1] == '-')
		text.len--;
	return mem_printf("%.*s%s%zu.cbuild", (int)text.len, text.len > 0 ? text.data : "", text.len > 0 ? "-" : "",
			  number);
}

/* A folder is known to BuildKit by the last component of its path alone. */
char *buildkit_context(const struct build_job *job, struct error **err)
{
	cleanup_free char *link = NULL;

	if (!job->context_name)
		return mem_strdup(job->context);
	link = path_join(job->staging, job->context_name);
	if (symlink(job->context, link) < 0) {
		error_errno(err, ERROR_STATE, errno, "%s", link);
		return NULL;
	}
	return steal_ptr(link);
}

bool buildkit_attests(const struct build_job *job)
{
	return job->provenance || job->sbom;
}

int buildkit_import(const struct buildkit *kit, const struct build_job *job, int fd, const char *name,
		    struct build_result *result, struct error **err)
{
	const struct build_image *base = proof_base(job);
	cleanup_image struct image *image = NULL, *base_image = NULL;
	cleanup_free char *fault = NULL;

	if (layout_import_stream(kit->layout, fd, name, &job->platform, result->digest, result->attestation, err) < 0 ||
	    image_read(kit->layout, result->digest, &image, err) < 0)
		return -1;
	if (base && base->where == IMAGE_STORE && image_read(kit->layout, base->digest, &base_image, err) < 0)
		return -1;
	if (buildkit_attests(job) && !result->attestation[0])
		return error_make(err, ERROR_TOOL, "%s has said nothing about the image, although it was asked to",
				  kit->tool);
	fault = proof_fault(image, &job->platform, base_image);
	if (fault)
		return error_make(err, ERROR_BUILD, "%s made a wrong image: %s", kit->tool, fault);
	return import_finish(kit->layout, NULL, result, err);
}

/* ---- what comes through the pipe, on a thread of its own ---- */

/* Waits until something is in the pipe. False when the client ended without having sent anything: it is waited for to
 * the end, since it would wait for ever for somebody who reads. */
static bool wait_for_image(int fd, int over)
{
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN }, { .fd = over, .events = POLLIN } };

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents & POLLIN)
			return true;
		/* Opened and closed again; or nobody is left who could open it. */
		if (fds[0].revents || fds[1].revents)
			return poll(fds, 1, 0) > 0 && (fds[0].revents & POLLIN);
	}
}

/* The client must not fail for what is not read any more. False when that cannot be read. */
static bool drain(int fd)
{
	cleanup_free char *bytes = mem_alloc(DRAIN);
	ssize_t len;

	do
		len = read(fd, bytes, DRAIN);
	while (len > 0 || (len < 0 && errno == EINTR));
	return len == 0;
}

static void *receive(void *arg)
{
	struct delivery *delivery = arg;
	struct batch *batch = delivery->batch;
	cleanup_fd int fd = delivery->fd; /* closed when nothing is read any more: the client must not wait then */

	delivery->fd = -1;
	if (!wait_for_image(fd, batch->over[0]))
		return NULL;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	delivery->delivered =
		buildkit_import(batch->kit, delivery->job, fd, delivery->pipe, &delivery->result, &delivery->error) == 0;
	if (!drain(fd))
		proc_stop(batch->kit->loop, &batch->stop);
	if (!delivery->delivered)
		return NULL;
	pthread_mutex_lock(&batch->lock);
	delivery->reported = true;
	pthread_mutex_unlock(&batch->lock);
	batch->done(batch->data, (size_t)(delivery - batch->deliveries), &delivery->result);
	return NULL;
}

/* ---- what the client tells, on the loop's thread ---- */

/* To the job's log, and to whoever looks on. */
static void log_line(struct delivery *delivery, const char *before, const char *text, size_t len)
{
	const struct output *output = delivery->job->output;
	cleanup_buf struct buf line = { 0 };

	buf_str(&line, before);
	buf_add(&line, text, len);
	if (!output)
		return;
	if (output->line)
		output->line(output->data, line.data, line.len);
	buf_char(&line, '\n');
	if (output->log_fd >= 0 && !delivery->log_error)
		fs_write_all(output->log_fd, line.data, line.len, "the log", &delivery->log_error);
}

static void report_progress(struct delivery *delivery, const struct progress *progress)
{
	const struct output *output = delivery->job->output;

	if (output && output->progress)
		output->progress(output->data, progress);
}

/* "[build 2/5] RUN make": which step of how many. */
static void report_step(struct delivery *delivery, const char *name)
{
	const char *end = *name == '[' ? strchr(name, ']') : NULL, *at = end;
	struct progress progress = { .name = name, .name_len = strlen(name) };

	while (at && at > name && at[-1] != ' ' && at[-1] != '[')
		at--;
	if (!at || sscanf(at, "%u/%u]", &progress.step, &progress.steps) != 2)
		return; /* nothing of the Dockerfile's */
	progress.name = end + 1 + strspn(end + 1, " ");
	progress.name_len = strlen(progress.name);
	report_progress(delivery, &progress);
}

static void take_error(struct delivery *delivery, const char *name, const struct raw_event *event)
{
	if (rawjson_was_stopped(event->text, event->len))
		return;
	log_line(delivery, "ERROR: ", event->text, event->len);
	if (delivery->reason)
		return;
	delivery->step = mem_strdup(name);
	delivery->reason = mem_strndup(event->text, event->len);
}

static void take_step(struct delivery *delivery, const char *name, const struct raw_event *event)
{
	switch (event->kind) {
	case RAW_START:
		log_line(delivery, "", name, strlen(name));
		report_step(delivery, name);
		break;
	case RAW_CACHED:
		log_line(delivery, "CACHED ", name, strlen(name));
		break;
	case RAW_LINE:
		tail_add(&delivery->tail, event->text, event->len);
		log_line(delivery, "", event->text, event->len);
		break;
	case RAW_WARNING:
		log_line(delivery, "WARNING: ", event->text, event->len);
		break;
	case RAW_BYTES:
		report_progress(delivery, &(struct progress){ .name = event->what ? event->what : "",
							      .name_len = event->what ? strlen(event->what) : 0,
							      .bytes = event->bytes,
							      .total = event->total });
		break;
	case RAW_ERROR:
		take_error(delivery, name, event);
		break;
	case RAW_TEXT:
		break;
	}
}

static void take_event(void *data, const struct raw_event *event)
{
	struct batch *batch = data;
	cleanup_free char *name = NULL;
	long target = -1;

	if (event->kind == RAW_TEXT) {
		tail_add(&batch->text, event->text, event->len);
		return;
	}
	name = bake_name(event->name, strlen(event->name), &target);
	if (target < 0 && batch->len == 1)
		target = 0; /* a client with one target does not name it */
	if (target < 0 || (size_t)target >= batch->len)
		return;
	pthread_mutex_lock(&batch->lock);
	if (!batch->deliveries[target].reported)
		take_step(&batch->deliveries[target], name, event);
	pthread_mutex_unlock(&batch->lock);
}

static void take_line(void *data, const char *line, size_t len)
{
	rawjson_add(((struct batch *)data)->raw, line, len);
}

/* ---- the batch ---- */

static int prepare(struct delivery *delivery, struct error **err)
{
	const struct build_job *job = delivery->job;

	for (size_t i = 0; i < job->images_len; i++) {
		cleanup_free char *alias = buildkit_alias(job->images[i].name, i);

		argv_add(&delivery->aliases, alias);
	}
	delivery->pipe = path_join(job->staging, "image.pipe");
	delivery->context = buildkit_context(job, err);
	if (!delivery->context ||
	    rewrite_files(job, (const char *const *)delivery->aliases.items, NULL, &delivery->files, err) < 0)
		return -1;
	if (mkfifo(delivery->pipe, 0600) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", delivery->pipe);
	delivery->fd = open(delivery->pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return delivery->fd < 0 ? error_errno(err, ERROR_STATE, errno, "%s", delivery->pipe) : 0;
}

static int start_receiving(struct batch *batch, struct error **err)
{
	if (pipe2(batch->over, O_CLOEXEC) < 0)
		return error_errno(err, ERROR_STATE, errno, "cannot make a pipe");
	for (size_t i = 0; i < batch->len; i++) {
		struct delivery *delivery = &batch->deliveries[i];
		int r = thread_start(&delivery->thread, receive, delivery);

		if (r != 0)
			return error_errno(err, ERROR_STATE, r, "cannot start a thread");
		delivery->receiving = true;
	}
	return 0;
}

static void end_receiving(struct batch *batch)
{
	if (batch->over[1] >= 0)
		close(batch->over[1]);
	for (size_t i = 0; i < batch->len; i++)
		if (batch->deliveries[i].receiving)
			pthread_join(batch->deliveries[i].thread, NULL);
	if (batch->over[0] >= 0)
		close(batch->over[0]);
}

static int make_command(struct batch *batch, struct argv *argv, struct argv *env, struct error **err)
{
	cleanup_free struct buildkit_target *targets = mem_array(batch->len, sizeof(*targets));

	for (size_t i = 0; i < batch->len; i++) {
		struct delivery *delivery = &batch->deliveries[i];

		if (prepare(delivery, err) < 0)
			return -1;
		targets[i] = (struct buildkit_target){
			.job = delivery->job,
			.files = &delivery->files,
			.context = delivery->context,
			.aliases = (const char *const *)delivery->aliases.items,
			.output = delivery->pipe,
		};
	}
	return batch->kit->command(batch->kit->self, targets, batch->len, argv, env, err);
}

/* Runs the client to its end; every image that came is in the store then. */
static int run(struct batch *batch, int *ret_status, struct error **err)
{
	struct output output = { .log_fd = -1, .line = take_line, .data = batch };
	cleanup_proc struct proc_result result = { 0 };
	cleanup_argv struct argv argv = { 0 }, env = { 0 };
	struct proc_spec spec = { .output = &output, .stop = &batch->stop };
	int r = make_command(batch, &argv, &env, err);

	spec.argv = (const char *const *)argv.items;
	spec.env = (const char *const *)env.items;
	if (r == 0)
		r = start_receiving(batch, err);
	if (r == 0)
		r = proc_run(batch->kit->loop, &spec, &result, err);
	end_receiving(batch);
	*ret_status = result.status;
	return r;
}

/* The client's last words, without the target's name; *ret_target: whose failure they are about. */
static char *last_words(const struct batch *batch, long *ret_target)
{
	static const char mark[] = "ERROR: ";
	cleanup_free char *text = tail_text(&batch->text);
	char *error = strncmp(text, mark, strlen(mark)) == 0 ? text : NULL, *at = text;
	cleanup_free char *rest = NULL;

	*ret_target = -1;
	while ((at = strstr(at, "\nERROR: ")))
		error = ++at;
	if (!error)
		return steal_ptr(text);
	rest = bake_name(error + strlen(mark), strlen(error) - strlen(mark), ret_target);
	return mem_printf("%.*s%s%s", (int)(error - text), text, mark, rest);
}

/* As the client shows it when a person looks on: that is what failures are told from. */
static char *failure_text(const struct delivery *delivery, const char *words)
{
	cleanup_free char *lines = tail_text(&delivery->tail);
	struct buf text = { 0 };

	if (delivery->step)
		buf_printf(&text, "------\n > %s:\n%s------\n", delivery->step, lines);
	if (words)
		buf_str(&text, words);
	else
		buf_printf(&text, "ERROR: %s\n", delivery->reason);
	return buf_steal(&text);
}

/* Why there is no image of this job although the client was run. */
static void explain(struct batch *batch, size_t number, int status, struct build_result *result)
{
	struct delivery *delivery = &batch->deliveries[number];
	const struct platform *native = batch->kit->native;
	cleanup_free char *words = NULL, *text = NULL;
	bool others = false;
	long target;

	words = last_words(batch, &target);
	for (size_t i = 0; i < batch->len; i++)
		others = others || (i != number && (batch->deliveries[i].reason || target == (long)i));
	if (delivery->error && (status == 0 || !others)) {
		result->error = steal_ptr(delivery->error);
	} else if (status == 0) {
		error_make(&result->error, ERROR_TOOL, "%s ended well, but sent no image", batch->kit->tool);
	} else if (target == (long)number || delivery->reason || !others) {
		text = failure_text(delivery, target == (long)number || !delivery->reason ? words : NULL);
		failure_make(batch->kit->tool, status, text, delivery->job, native, &result->error);
	} else {
		result->dropped = true;
		error_make(&result->error, ERROR_CANCELLED, "stopped, because another build of its batch failed");
	}
}

/* The client was stopped, because the image of one job could not be taken in. */
static void explain_stop(struct delivery *delivery, struct build_result *result)
{
	result->dropped = !delivery->error;
	if (delivery->error)
		result->error = steal_ptr(delivery->error);
	else
		error_make(&result->error, ERROR_CANCELLED,
			   "stopped, because another image of its batch could not be read");
}

static void report(struct batch *batch, int status, struct error *error)
{
	for (size_t i = 0; i < batch->len; i++) {
		struct delivery *delivery = &batch->deliveries[i];
		struct build_result result = { 0 };

		if (delivery->delivered)
			continue;
		if (delivery->log_error)
			result.error = steal_ptr(delivery->log_error);
		else if (batch->stop && !loop_cancelled(batch->kit->loop))
			explain_stop(delivery, &result);
		else if (error)
			error_copy(&result.error, error);
		else
			explain(batch, i, status, &result);
		batch->done(batch->data, i, &result);
	}
}

static void delivery_free(struct delivery *delivery)
{
	if (delivery->fd >= 0)
		close(delivery->fd);
	rewrite_files_free(&delivery->files);
	argv_free(&delivery->aliases);
	tail_free(&delivery->tail);
	error_free(delivery->error);
	error_free(delivery->log_error);
	free(delivery->context);
	free(delivery->pipe);
	free(delivery->step);
	free(delivery->reason);
}

void buildkit_batch(const struct buildkit *kit, const struct build_job *jobs, size_t len, build_done *done, void *data)
{
	struct batch batch = { .kit = kit, .done = done, .data = data, .len = len, .over = { -1, -1 } };
	cleanup_error struct error *error = NULL;
	int status = 0;

	batch.deliveries = mem_array(len, sizeof(*batch.deliveries));
	batch.raw = rawjson_new(take_event, &batch);
	pthread_mutex_init(&batch.lock, NULL);
	for (size_t i = 0; i < len; i++) {
		batch.deliveries[i].batch = &batch;
		batch.deliveries[i].job = &jobs[i];
		batch.deliveries[i].fd = -1;
	}
	run(&batch, &status, &error);
	report(&batch, status, error);
	for (size_t i = 0; i < len; i++)
		delivery_free(&batch.deliveries[i]);
	free(batch.deliveries);
	tail_free(&batch.text);
	rawjson_free(batch.raw);
	pthread_mutex_destroy(&batch.lock);
}

void buildkit_build(void *client, const struct build_job *jobs, size_t len, build_done *done, void *data)
{
	buildkit_batch(client, jobs, len, done, data);
}
