#include "config.h"

#include "engine/builder/agent.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/thread.h"
#include "engine/builder/args.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/io/socket.h"

#define START_MS 5000 /* to start listening */
#define LOOK_MS 10
#define ADD_MS 10000 /* to accept the key */

struct agent {
	struct loop *loop;
	char *dir, *socket;
	pthread_t thread;
	atomic_bool stop, ended;
	struct error *error; /* why its thread failed, if `ended` */
};

/* It runs until it is stopped. */
static void *agent_run(void *arg)
{
	struct agent *agent = arg;
	const char *const argv[] = { "ssh-agent", "-D", "-a", agent->socket, NULL };
	const struct proc_spec spec = { .argv = argv, .capture = true, .stop = &agent->stop };
	cleanup_proc struct proc_result result = { 0 };

	proc_run(agent->loop, &spec, &result, &agent->error);
	atomic_store(&agent->ended, true);
	return NULL;
}

static int wait_for_socket(struct agent *agent, struct error **err)
{
	uint64_t end = loop_now_ms() + START_MS;

	while (!socket_listens(agent->socket)) {
		if (atomic_load(&agent->ended))
			return agent->error ? error_copy(err, agent->error)
					    : error_make(err, ERROR_TOOL, "ssh-agent ended at once");
		if (loop_now_ms() >= end)
			return error_make(err, ERROR_TOOL, "ssh-agent does not listen");
		if (loop_pause(agent->loop, LOOK_MS, err) < 0)
			return -1;
	}
	return 0;
}

static int add_key(struct agent *agent, const char *key, struct error **err)
{
	const char *const argv[] = { "ssh-add", "-q", "--", key, NULL };
	cleanup_argv struct argv env = { 0 };
	struct proc_spec spec = { .argv = argv, .timeout_ms = ADD_MS };
	cleanup_proc struct proc_result result = { 0 };

	for (char **variable = environ; *variable; variable++)
		argv_add(&env, *variable);
	args_set(&env, "SSH_AUTH_SOCK", agent->socket);
	args_set(&env, "SSH_ASKPASS_REQUIRE", "never");
	spec.env = (const char *const *)env.items;
	return proc_check(agent->loop, &spec, ERROR_TOOL, &result, err);
}

static void agent_free(struct agent *agent)
{
	unlink(agent->socket);
	rmdir(agent->dir);
	error_free(agent->error);
	free(agent->dir);
	free(agent->socket);
	free(agent);
}

int agent_start(struct loop *loop, const char *key, struct agent **ret, struct error **err)
{
	const char *place = getenv("TMPDIR");
	struct agent *agent = mem_alloc(sizeof(*agent));
	int r;

	agent->loop = loop;
	agent->dir = mem_printf("%s/cbuild-agent-XXXXXX", place && *place ? place : "/tmp");
	/* The path of a Unix socket must be short. */
	r = mkdtemp(agent->dir) ? 0 : error_errno(err, ERROR_STATE, errno, "%s", agent->dir);
	agent->socket = path_join(agent->dir, "agent");
	if (r == 0) {
		r = thread_start(&agent->thread, agent_run, agent);
		if (r != 0)
			r = error_errno(err, ERROR_STATE, r, "cannot start a thread");
	}
	if (r < 0) {
		agent_free(agent);
		return -1;
	}
	if (wait_for_socket(agent, err) < 0 || add_key(agent, key, err) < 0) {
		agent_stop(agent);
		return -1;
	}
	*ret = agent;
	return 0;
}

const char *agent_socket(const struct agent *agent)
{
	return agent->socket;
}

void agent_stop(struct agent *agent)
{
	if (!agent)
		return;
	proc_stop(agent->loop, &agent->stop);
	pthread_join(agent->thread, NULL);
	agent_free(agent);
}
