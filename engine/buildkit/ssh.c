#include "config.h"

#include "engine/buildkit/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "engine/buildkit/proto/control.pb-c.h"
#include "engine/buildkit/proto/message.h"
#include "engine/buildkit/proto/session.pb-c.h"

#define SERVICE "/moby.sshforward.v1.SSH/"
#define PIECE 32768 /* bytes */

static const struct ssh_agent *find_agent(const struct ssh_agents *agents, const char *id, struct grpc_call *call)
{
	if (!id || !*id)
		id = "default";
	for (size_t i = 0; i < agents->len; i++)
		if (strcmp(agents->agents[i].id, id) == 0)
			return &agents->agents[i];
	grpc_refuse(call, GRPC_NOT_FOUND, "there is no ssh agent %s", id);
	return NULL;
}

static int serve_check(void *data, struct grpc_call *call, struct error **err)
{
	cleanup_message Bk__AgentRequest *request = NULL;
	Bk__Blank blank = BK__BLANK__INIT;

	if (grpc_receive(call, &bk__agent_request__descriptor, (void **)&request, err) <= 0 ||
	    !find_agent(data, request->id, call))
		return -1;
	return grpc_send(call, &blank.base, err);
}

static int connect_agent(const char *path, int *ret_fd, struct error **err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return error_make(err, ERROR_TOOL, "%s: the path is too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	*ret_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (*ret_fd < 0 || fcntl(*ret_fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    connect(*ret_fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_errno(err, ERROR_TOOL, errno, "cannot connect to the ssh agent at %s", path);
	return 0;
}

/* Copies from the agent to the daemon until either is gone. */
struct backward {
	struct grpc_call *call;
	int fd;
};

static void *carry_back(void *arg)
{
	struct backward *backward = arg;
	uint8_t block[PIECE];
	ssize_t n;

	while ((n = recv(backward->fd, block, sizeof(block), 0)) > 0 || (n < 0 && errno == EINTR)) {
		Bk__Carried message = BK__CARRIED__INIT;

		message.data.data = block;
		message.data.len = n > 0 ? (size_t)n : 0;
		if (grpc_send(backward->call, &message.base, NULL) < 0)
			break;
	}
	return NULL;
}

static int carry_there(struct grpc_call *call, int fd, struct error **err)
{
	void *message;
	int r;

	while ((r = grpc_receive(call, &bk__carried__descriptor, &message, err)) > 0) {
		const Bk__Carried *carried = message;

		for (size_t at = 0; r > 0 && at < carried->data.len;) {
			ssize_t n = send(fd, carried->data.data + at, carried->data.len - at, MSG_NOSIGNAL);

			if (n < 0 && errno != EINTR)
				r = error_errno(err, ERROR_TOOL, errno, "the ssh agent is gone");
			at += n > 0 ? (size_t)n : 0;
		}
		message_free(message);
		if (r < 0)
			return -1;
	}
	return r;
}

static int serve_forward(void *data, struct grpc_call *call, struct error **err)
{
	const struct ssh_agent *agent = find_agent(data, grpc_metadata(call, "buildkit.ssh.id", 0), call);
	struct backward backward = { call, -1 };
	cleanup_fd int fd = -1;
	pthread_t thread;
	int r;

	if (!agent || connect_agent(agent->socket, &fd, err) < 0)
		return -1;
	backward.fd = fd;
	r = pthread_create(&thread, NULL, carry_back, &backward);
	if (r != 0)
		return error_errno(err, ERROR_STATE, r, "cannot start a thread");
	r = carry_there(call, fd, err);
	shutdown(fd, SHUT_RDWR);
	pthread_join(thread, NULL);
	return r;
}

void ssh_methods(const struct ssh_agents *agents, struct grpc_method ret[SSH_METHODS])
{
	ret[0] = (struct grpc_method){ SERVICE "CheckAgent", serve_check, (void *)(uintptr_t)agents };
	ret[1] = (struct grpc_method){ SERVICE "ForwardAgent", serve_forward, (void *)(uintptr_t)agents };
}
