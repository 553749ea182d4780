#ifndef ENGINE_BUILDKIT_CONTROL_H
#define ENGINE_BUILDKIT_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/platform.h"

struct conn_address;
struct error;
struct grpc_call;
struct h2;
struct loop;

/* BuildKit's Control service: information and builds. Every call blocks its thread, and ends when the loop is
 * cancelled. */

/* A daemon: one connection for a whole run, used by any number of threads. */
struct daemon;

/* Connects within `limit_ms`. Errors as conn_open. */
int daemon_open(struct loop *loop, const struct conn_address *address, uint64_t limit_ms, struct daemon **ret,
		struct error **err);
void daemon_free(struct daemon *daemon); /* NULL-safe; no call may be running, no session open */
/* Its connection, for a session's. */
struct h2 *daemon_h2(struct daemon *daemon);
bool daemon_alive(struct daemon *daemon);

#define CONTROL_PLATFORMS_MAX 32

/* Information about a daemon. Texts are "" when it does not say. */
struct control_info {
	char version[64]; /* of BuildKit; dockerd may say "v0.0.0+unknown" */
	char executor[32], snapshotter[32], namespace[64];
	struct platform platforms[CONTROL_PLATFORMS_MAX]; /* that it runs, as it names them: the native one first */
	size_t platforms_len;
};
/* Info (a daemon without that call has no version) and ListWorkers. */
int control_info(struct daemon *daemon, uint64_t limit_ms, struct control_info *ret, struct error **err);

struct control_pair {
	const char *key, *value;
};
struct control_typed { /* an exporter or a cache */
	const char *type;
	const struct control_pair *attrs;
	size_t attrs_len;
};

/* A rule about what a build fetches ("https://...", "git://..."); of several the last one that fits decides. */
struct control_rule {
	enum { RULE_ALLOW, RULE_DENY, RULE_CONVERT } action;
	const char *source;        /* its name for BuildKit, */
	bool regex;                /* or a regular expression for it */
	const char *key, *matches; /* only where this attribute fits the regular expression; or NULL */
	const char *becomes;       /* of RULE_CONVERT: the source's name then, */
	struct control_pair attr;  /* and an attribute; or NULL */
};

struct control_solve {
	const char *ref;     /* of our own making, unique */
	const char *session; /* buildkit_session_id */
	struct h2 *needs; /* buildkit_session_h2: when that is over the daemon has H2_NEEDS_MS to end the build; or NULL */
	const char *frontend;
	const struct control_pair *attrs; /* of the frontend */
	size_t attrs_len;
	const struct control_typed *exporters;
	size_t exporters_len;
	const struct control_typed *cache_from, *cache_to;
	size_t cache_from_len, cache_to_len;
	const char *const *entitlements;
	size_t entitlements_len;
	const struct control_rule *rules;
	size_t rules_len;
};

/* Why a build failed, as far as the daemon says. Everything is malloc'd or NULL. */
struct control_failure {
	int code; /* of gRPC */
	char *message;
	int exit_code; /* of a RUN step; -1: none */
	char *file;    /* of the Dockerfile's, and */
	char *source;  /* its text, */
	size_t source_len;
	int line, last_line; /* and where in it, from 1; 0: not known */
};
void control_failure_free(struct control_failure *failure); /* the contents */

/* One value of the exporters' response, by name ("containerimage.digest"). Borrowed during the call. */
typedef void control_answer(void *data, const char *key, const char *value);

/* Builds. When the daemon gave a reason for a failure, it is in ret_failure->message, which is empty when the
 * connection was lost or cancelled. If this returns early, the build ends in the daemon, too. */
int control_solve(struct daemon *daemon, const struct control_solve *solve, control_answer *answer, void *data,
		  struct control_failure *ret_failure, struct error **err);

/* A message about a build. A step is reported again whenever something about it changes. Borrowed during the call. */
enum status_kind {
	STATUS_STEP, /* name, cached, started, completed (nanoseconds since 1970, 0: not yet), text: its error or NULL */
	STATUS_BYTES,  /* name: of the part of the step that is transferred; current, total */
	STATUS_PRINT,  /* text: what a step printed; stream 1 or 2 */
	STATUS_WARNING /* text, url, line, last_line; level */
};
struct status_event {
	enum status_kind kind;
	const char *step; /* its digest, which identifies it */
	const char *name;
	const char *text;
	size_t len;
	bool cached;
	int64_t started, completed;
	uint64_t current, total;
	int stream;
	const char *url; /* "" when there is none */
	int line, last_line;
};
typedef void status_take(void *data, const struct status_event *event);

/* Asks for the status of a build, which may not have begun yet: a call for control_status, grpc_limit and grpc_free. */
int control_status_open(struct daemon *daemon, const char *ref, struct grpc_call **ret, struct error **err);
/* Follows the build until it is over. Call it in a thread of its own. */
int control_status(struct grpc_call *call, status_take *take, void *data, struct error **err);

/* A unique name for a build: 25 characters. */
#define CONTROL_NAME 25
int control_name(char ret[CONTROL_NAME + 1], struct error **err);

#endif
